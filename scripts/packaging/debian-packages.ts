import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Architecture } from './architecture.ts';
import { runCommand } from './run-command.ts';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** What it declares: the control file. */
  readonly control: string;
  /** Its content, unpacked; none of its scripts has run. */
  readonly directory: string;
}

/**
 * Downloads packages of an architecture from the machine's Debian or Ubuntu, with lists apart from the machine's, and unpacks them.
 * Needs no root.
 *
 * @param into a directory of this function's own
 */
export async function unpackDebianPackages(
  names: readonly string[],
  { architecture, into }: { readonly architecture: Architecture; readonly into: string },
): Promise<DebianPackage[]> {
  const apt = await prepareApt(architecture, join(into, 'apt'));
  const archives = join(into, 'archives');
  await rm(archives, { recursive: true, force: true });
  await mkdir(archives, { recursive: true });
  await runCommand('apt-get', [...apt, 'download', ...names], { cwd: archives });
  const files = (await readdir(archives)).toSorted();
  return Promise.all(files.map((name) => unpack(join(archives, name), into)));
}

/** How long lists are used again. Milliseconds. */
const LISTS_MAX_AGE_MS = 3_600_000;

/** @returns the arguments with which apt uses the lists in `directory` */
async function prepareApt(architecture: Architecture, directory: string): Promise<string[]> {
  for (const path of ['lists/partial', 'cache/archives/partial'])
    await mkdir(join(directory, path), { recursive: true });
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::Cache': join(directory, 'cache'),
    'Acquire::Languages': 'none',
  };
  const args = ['-qq', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
  const stamp = join(directory, 'updated');
  const updated = await stat(stamp).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (Date.now() - updated < LISTS_MAX_AGE_MS) return args;
  await runCommand('apt-get', [...args, 'update']);
  await writeFile(stamp, '');
  return args;
}

async function unpack(archive: string, into: string): Promise<DebianPackage> {
  const control = await runCommand('dpkg-deb', ['--field', archive]);
  const name = fieldOf(control, 'Package');
  const directory = join(into, 'content', name);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await runCommand('dpkg-deb', ['--extract', archive, directory]);
  return { name, version: fieldOf(control, 'Version'), control, directory };
}

/** @throws {Error} when the control file has no such field */
export function fieldOf(control: string, field: string): string {
  const value = new RegExp(`^${field}: (.+)$`, 'm').exec(control)?.[1];
  if (value === undefined) throw new Error(`a Debian package has no field ${field}:\n${control}`);
  return value;
}
