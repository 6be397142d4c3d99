import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { IndexDamagedError } from './lmdb-files.ts';
import { LmdbIndex } from './lmdb-index.ts';

export interface OpenIndexOptions {
  /** Undefined: in a temporary directory, and then nothing outlives the process. */
  readonly directory: string | undefined;
  readonly onDamaged: (event: { readonly reason: string; readonly movedTo: string }) => void;
}

/**
 * Opens the index, whatever state it is in: one that is damaged is put aside, and a new one begun. Reads nothing of what is in it.
 *
 * @throws what the file system says when there can be none
 */
export async function openIndex({ directory, onDamaged }: OpenIndexOptions): Promise<LmdbIndex> {
  if (directory === undefined) {
    return LmdbIndex.open({ directory: await mkdtemp(join(tmpdir(), 'layover-index-')), temporary: true });
  }
  const putAside = async (reason: string) => {
    const movedTo = `${directory}.damaged-${Date.now()}`;
    await rename(directory, movedTo);
    onDamaged({ reason, movedTo });
  };
  const marker = `${directory}.opening`;
  if (await hasDied(marker)) await putAside('a process has died while it opened it');
  await writeFile(marker, String(process.pid)).catch(() => {}); // then LmdbIndex.open fails and says why
  try {
    return await LmdbIndex.open({ directory });
  } catch (err) {
    if (!(err instanceof IndexDamagedError)) throw err;
    await putAside(err.message);
    return await LmdbIndex.open({ directory });
  } finally {
    await rm(marker, { force: true });
  }
}

/** Whoever wrote the marker did not live to remove it. */
async function hasDied(marker: string): Promise<boolean> {
  const pid = Number(await readFile(marker, 'utf8').catch(() => NaN));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return true; // in a container every process has the number of the one before
  try {
    process.kill(pid, 0);
    return false;
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
