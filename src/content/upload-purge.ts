import type { StorageDriver } from '../storage/driver.ts';
import { StagedFileHeldError } from '../storage/staging.ts';
import { orUndefined } from './links.ts';
import { REPOSITORIES, UPLOADS, uploadDirectory } from './paths.ts';
import { listReadable } from './readable.ts';

const MAX_STARTED_AT_BYTES = 100;

export interface PurgeOptions {
  /** Sessions that were started earlier are removed. Unix milliseconds. */
  readonly before: number;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Removes abandoned upload sessions, also those of distribution. Sessions that a process is writing to stay.
 *
 * @returns the number of removed sessions
 */
export async function purgeUploads(driver: StorageDriver, { before, dryRun, signal }: PurgeOptions): Promise<number> {
  let purged = 0;
  for await (const directory of walkUploads(driver)) {
    signal?.throwIfAborted();
    const startedAt = await startOf(driver, directory);
    if (startedAt === undefined || startedAt >= before || (await isHeld(driver, directory))) continue;
    if (!dryRun) await driver.delete(directory);
    purged++;
  }
  return purged;
}

/** The directories of all sessions. */
async function* walkUploads(driver: StorageDriver, below = ''): AsyncGenerator<string, void, void> {
  const names = await listReadable(driver, `${REPOSITORIES}${below}`, leaveAlone);
  for (const name of names) {
    if (name === UPLOADS) yield* sessions(driver, below.slice(1));
    else if (!name.startsWith('_')) yield* walkUploads(driver, `${below}/${name}`);
  }
}

async function* sessions(driver: StorageDriver, repository: string): AsyncGenerator<string, void, void> {
  const ids = await listReadable(driver, `${REPOSITORIES}/${repository}/${UPLOADS}`, leaveAlone);
  for (const id of ids) yield uploadDirectory(repository, id);
}

/** Unreadable directories are reported elsewhere. */
function leaveAlone(): void {}

/** When the session was started. Without a record, when its directory was last changed. Undefined when it is gone. */
async function startOf(driver: StorageDriver, directory: string): Promise<number | undefined> {
  const text = await orUndefined(driver.readSmall(`${directory}/startedat`, MAX_STARTED_AT_BYTES));
  const startedAt = text && Date.parse(text.toString());
  if (startedAt !== undefined && !Number.isNaN(startedAt)) return startedAt;
  return (await orUndefined(driver.stat(directory)))?.modifiedAt.getTime();
}

async function isHeld(driver: StorageDriver, directory: string): Promise<boolean> {
  try {
    const staged = await orUndefined(driver.staging.hold(`${directory}/data`));
    await staged?.release();
    return false;
  } catch (err) {
    if (err instanceof StagedFileHeldError) return true;
    throw err;
  }
}
