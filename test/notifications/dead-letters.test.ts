import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { DeadLetters } from '../../src/notifications/dead-letters.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('dead letters', () => {
  it('are lines with an event and the reason', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'audit', 'dead-letters.jsonl');
    const letters = new DeadLetters({ path, maxBytes: 10_000, now: () => 0 });
    await Promise.all([letters.add(['{"id":1}', '{"id":2}'], 'full'), letters.add(['{"id":3}'], '400 "Bad"')]);
    const givenUpAt = '1970-01-01T00:00:00.000Z';
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { givenUpAt, reason: 'full', event: { id: 1 } },
      { givenUpAt, reason: 'full', event: { id: 2 } },
      { givenUpAt, reason: '400 "Bad"', event: { id: 3 } },
    ]);
  });

  it('stay within their size, and the newest are kept', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'dead-letters.jsonl');
    const letters = new DeadLetters({ path, maxBytes: 2_000, now: () => 0 });
    for (let id = 0; id < 100; id++) await letters.add([JSON.stringify({ id })], 'full');
    const sizes = await Promise.all([path, `${path}.old`].map(async (file) => (await stat(file)).size));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
    expect(await readFile(path, 'utf8')).toContain('"id":99');
  });

  it('that cannot be written are rejected, and the next ones are written', async () => {
    await using directory = await temporaryDirectory();
    const folder = join(directory.path, 'audit');
    await writeFile(folder, 'in the way');
    const path = join(folder, 'dead-letters.jsonl');
    const letters = new DeadLetters({ path, maxBytes: 2_000, now: () => 0 });
    await expect(letters.add(['{"id":1}'], 'full')).rejects.toThrow();
    await rm(folder);
    await letters.add(['{"id":2}'], 'full');
    expect(await readFile(path, 'utf8')).toMatch(/^[^\n]*"id":2[^\n]*\n$/);
  });
});
