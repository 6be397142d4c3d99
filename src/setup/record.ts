import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { replaceFile } from '../files/replace-file.ts';
import { SetupError } from './setup-error.ts';

/** What setup changed for one client, so that it can be undone. */
export interface SetupRecord {
  readonly version: 1;
  readonly files: readonly RecordedFile[];
  /** Directories that did not exist. */
  readonly directories: readonly string[];
}

export interface RecordedFile {
  readonly path: string;
  /** In base64. Absent when there was no file. */
  readonly before?: string;
  /** Of the file that setup wrote. */
  readonly after: string;
}

const NOTHING: SetupRecord = { version: 1, files: [], directories: [] };
const DIRECTORY = '/var/lib/layover-setup';

/** @param root directory in which the client's files are; `/` for this machine */
export function recordPath(root: string, client: string): string {
  return join(root, DIRECTORY, `${client}.json`);
}

/** Empty when nothing was changed. @throws {SetupError} for a damaged record */
export async function loadRecord(path: string): Promise<SetupRecord> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING;
    throw err;
  }
  try {
    const record = JSON.parse(text) as SetupRecord;
    if (record.version === 1 && Array.isArray(record.files) && Array.isArray(record.directories)) return record;
  } catch {
    // Reported below.
  }
  throw new SetupError(`${path}: not a record of \`layover setup\` (restore the files by hand, and remove it)`);
}

/** Has the bytes of configurations that may contain passwords, so only its owner can read it. */
export async function saveRecord(path: string, record: SetupRecord): Promise<void> {
  const directory = dirname(path);
  if (record.files.length === 0) {
    await rm(path, { force: true });
    // Other clients have records there.
    await rmdir(directory).catch(() => {});
    return;
  }
  await mkdir(dirname(directory), { recursive: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await replaceFile(path, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
