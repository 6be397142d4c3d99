import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { describe, expect, it } from 'vitest';

import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
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

  it('records links that begin together, without one that fails, also while it counts again', async () => {
    await using directory = await temporaryDirectory();
    const index = await LmdbIndex.open({ directory: directory.path });
    try {
      await index.record(Array.from({ length: 600 }, (_, i) => ({ ...use(i), repository: `r${i}` })));
      const counting = index.recount();
      const repositories = ['a', 'b', 'too long'.repeat(1000), 'c'];
      const links = repositories.map((repository) => index.beginLink({ ...use(0), repository }));
      const results = await Promise.allSettled(links);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
      await counting;
      expect(await index.totals()).toEqual({ bytes: 6_000, digests: 600, references: 603, repositories: 603 });
    } finally {
      await index.close();
    }
  });

  it('sums up repositories of a version that did not, while they change', async () => {
    await using directory = await temporaryDirectory();
    const before = await LmdbIndex.open({ directory: directory.path });
    await before.record(Array.from({ length: 900 }, (_, i) => ({ ...use(i), repository: `r${i % 2}` })));
    await before.close();
    await forgetSums(directory.path);
    const index = await LmdbIndex.open({ directory: directory.path });
    try {
      const reading = index.repositories({ order: 'size', limit: 9 });
      await index.record([{ ...use(1000), repository: 'r0', size: 5 }]);
      await reading;
      const sums = await index.repositories({ order: 'size', limit: 9 });
      expect(sums).toEqual([
        { repository: 'r0', manifests: 0, bytes: 4505, lastUsedAt: 1000 },
        { repository: 'r1', manifests: 0, bytes: 4500, lastUsedAt: 899 },
      ]);
    } finally {
      await index.close();
    }
  });

  it('has links that had begun when it was closed', async () => {
    await using directory = await temporaryDirectory();
    const before = await LmdbIndex.open({ directory: directory.path });
    const beginning = before.beginLink(use(1));
    await before.close();
    await beginning;
    const after = await LmdbIndex.open({ directory: directory.path });
    expect(await after.totals()).toMatchObject({ references: 1 });
    await after.close();
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

    // LMDB may end the first process that reads wrong pages; the next one knows of that.
    const { reported, totals } = (await openElsewhere(path)) ?? (await openElsewhere(path)) ?? {};
    expect(reported).toHaveLength(1);
    expect(totals).toEqual({ bytes: 0, digests: 0, references: 0, repositories: 0 });
    expect((await readFile(join(reported?.[0]?.movedTo ?? '', 'usage.mdb'))).length).toBeGreaterThan(0);
  });
});

interface Opened {
  readonly reported: readonly { readonly reason: string; readonly movedTo: string }[];
  readonly totals: unknown;
}

/** @returns undefined when LMDB ended the process */
async function openElsewhere(directory: string): Promise<Opened | undefined> {
  const args = ['--import', 'tsx', join(import.meta.dirname, 'index-opener.ts'), directory];
  await using program = await RunningProcess.start(process.execPath, args, { env: programEnvironment() });
  const { code, signal } = await program.exited;
  if (signal !== null) return undefined;
  expect(code, program.output).toBe(0);
  return JSON.parse(program.stdout) as Opened;
}

/** All pages but the first two, which locate the others. */
async function overwritten(path: string, byte: number): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(byte, 2 * 4096));
}

/** As a version without sums leaves the index. */
async function forgetSums(directory: string): Promise<void> {
  const root = open({ path: join(directory, 'usage.mdb'), noSubdir: true, maxDbs: 16 });
  const meta = root.openDB<unknown, string>({ name: 'meta' });
  const { summed: _, ...totals } = meta.get('totals') as Record<string, unknown>;
  meta.putSync('totals', totals);
  await root.close();
}

function use(i: number) {
  const digest: Digest = digestOf(Buffer.from(String(i)));
  return { repository: 'docker.io/library/app', digest, kind: 'blob' as const, size: 10, at: i };
}
