import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
import { openIndex } from '../../src/usage/open-index.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { RunningProcess } from '../support/processes.ts';
import { programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { describeUsageIndex } from './usage-index-contract.ts';

describeUsageIndex('the index in files', async () => {
  const directory = await temporaryDirectory();
  const index = await LmdbIndex.open({ directory: join(directory.path, 'index') });
  return {
    index,
    async [Symbol.asyncDispose]() {
      await index.close();
      await directory[Symbol.asyncDispose]();
    },
  };
});

describe('the index in files', () => {
  it('has everything that it has confirmed, after the process was killed', async () => {
    await using directory = await temporaryDirectory();
    const writer = join(import.meta.dirname, 'index-writer.ts');
    const args = ['--import', 'tsx', writer, directory.path];
    const program = await RunningProcess.start(process.execPath, args, { env: programEnvironment() });
    await program.waitForOutput(/recorded 30\n/);
    program.kill('SIGKILL');
    await program.exited;
    const last = Number(/.*recorded (\d+)\n/s.exec(program.stdout)?.[1]);
    const index = await LmdbIndex.open({ directory: directory.path });
    try {
      const { references, bytes } = await index.totals();
      expect(references).toBeGreaterThanOrEqual(last);
      expect(bytes).toBe(references * 10);
      const records = await index.page({ limit: 1_000_000 });
      expect(records).toHaveLength(references);
      expect(await index.oldest({ before: Number.MAX_SAFE_INTEGER, limit: 1_000_000 })).toHaveLength(references);
    } finally {
      await index.close();
    }
  });

  it.each([
    ['is not one', (file: string) => writeFile(file, Buffer.alloc(100_000, 'garbage'))],
    ['is cut off', (file: string) => truncate(file, 20_000)],
    ['has lost its pages', (file: string) => overwritten(file, 0)],
    ['has pages of another file', (file: string) => overwritten(file, 255)],
  ])('is moved aside and created again when it %s', async (_how, damage) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'index');
    const before = await LmdbIndex.open({ directory: path });
    await before.record(Array.from({ length: 500 }, (_, i) => use(i)));
    await before.close();
    await damage(join(path, 'usage.mdb'));

    const reported: { reason: string; movedTo: string }[] = [];
    const index = await openIndex({ directory: path, onDamaged: (event) => void reported.push(event) });
    expect(reported).toHaveLength(1);
    expect(await index.totals()).toEqual({ bytes: 0, digests: 0, references: 0 });
    await index.record([use(1)]);
    await index.close();
    expect((await readFile(join(reported[0]?.movedTo ?? '', 'usage.mdb'))).length).toBeGreaterThan(0);
  });
});

/** All pages but the first two, which locate the others. */
async function overwritten(path: string, byte: number): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(byte, 2 * 4096));
}

function use(i: number) {
  const digest: Digest = digestOf(Buffer.from(String(i)));
  return { repository: 'docker.io/library/app', digest, kind: 'blob' as const, size: 10, at: i };
}
