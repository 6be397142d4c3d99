import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { DecisionFile } from '../../src/access/decision-file.ts';
import { Decisions, type NamedDecision } from '../../src/access/decisions.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const decision = { isAllowed: true, decidedAt: 1, until: 2 };
const kept: NamedDecision = { repository: 'acme/app', subject: 'account:acme', decision };
const ofToken: NamedDecision = { repository: 'acme/app', subject: 'token:abc', decision };
const refusal: NamedDecision = { ...kept, repository: 'acme/no', decision: { ...decision, isAllowed: false } };

async function open(path: string) {
  const errors: unknown[] = [];
  const clock = new FakeClock();
  const file = await DecisionFile.open({ path, clock, onFailed: (error) => errors.push(error) });
  const decisions = new Decisions();
  file.keep('docker.io', decisions);
  return { file, decisions, errors, clock };
}

describe('the file of decisions', () => {
  it('has those that allow something, without those about tokens', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'below', 'access.json');
    const first = await open(path);
    for (const named of [kept, ofToken, refusal]) first.decisions.set(named);
    await first.file.close();
    const second = await open(path);
    expect(second.decisions.all()).toEqual([kept]);
    expect([first.errors, second.errors]).toEqual([[], []]);
    await second.file.close();
  });

  it('is written while the service runs', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'access.json');
    const { file, decisions, clock } = await open(path);
    decisions.set(kept);
    await clock.advance(10_000);
    await expect.poll(() => readFile(path, 'utf8').catch(() => '')).toContain('acme/app');
    await file.close();
  });

  it.each(['not JSON', '[]', '{"upstreams":{"docker.io":[{"repository":1}, null]}}', '{"upstreams":{"docker.io":7}}'])(
    'with %s is replaced',
    async (text) => {
      await using directory = await temporaryDirectory();
      const path = join(directory.path, 'access.json');
      await writeFile(path, text);
      const { file, decisions, errors } = await open(path);
      expect(decisions.all()).toEqual([]);
      expect(errors.length).toBe(text === 'not JSON' ? 1 : 0);
      decisions.set(kept);
      await file.close();
      const again = await open(path);
      expect(again.decisions.all()).toEqual([kept]);
      await again.file.close();
    },
  );
});
