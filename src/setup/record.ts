import { mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, posix } from 'node:path';

import { replaceFile } from '../files/replace-file.ts';
import { readIfThere, resolveInRoot } from './client-file.ts';
import type { SetupClient } from './plan.ts';
import type { RecordedFile } from './recorded-file.ts';
import { SetupError } from './setup-error.ts';

/** What setup changed for one client, so that it can be undone. Paths are those of the client's machine. */
export interface SetupRecord {
  readonly version: 1;
  readonly files: readonly RecordedFile[];
  /** Directories that did not exist. */
  readonly directories: readonly string[];
}

export interface SetupPlace {
  /** Directory in which the client's files are; `/` for this machine. */
  readonly root: string;
  readonly client: Pick<SetupClient, 'name' | 'canWrite'>;
}

const NOTHING: SetupRecord = { version: 1, files: [], directories: [] };
const DIRECTORY = '/var/lib/layover-setup';
const REMEDY = '(restore the files by hand, and remove it)';

export function recordPath({ root, client }: SetupPlace): string {
  return resolveInRoot(root, `${DIRECTORY}/${client.name}.json`);
}

/**
 * Empty when nothing was changed. The root may be an image from others, so a record is used only for files that setup writes.
 *
 * @throws {SetupError} for a damaged record, or one with other files
 */
export function loadRecord(place: SetupPlace): SetupRecord {
  const path = recordPath(place);
  const bytes = readIfThere(path);
  if (!bytes) return NOTHING;
  const record = parseRecord(bytes.toString());
  if (!record) throw new SetupError(`${path}: not a record of \`layover setup\` ${REMEDY}`);
  const { name, canWrite } = place.client;
  const foreign = record.files.find((file) => posix.join('/', file.path) !== file.path || !canWrite(file.path));
  if (foreign)
    throw new SetupError(`${path}: has ${foreign.path}, which \`layover setup ${name}\` does not write ${REMEDY}`);
  return record;
}

function parseRecord(text: string): SetupRecord | undefined {
  try {
    const record = JSON.parse(text) as SetupRecord;
    const areFiles = record.version === 1 && record.files.every(isRecordedFile);
    return areFiles && record.directories.every((directory) => typeof directory === 'string') ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecordedFile({ path, before = '', after }: RecordedFile): boolean {
  return [path, before, after].every((text) => typeof text === 'string');
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
