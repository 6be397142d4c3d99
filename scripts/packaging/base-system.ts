import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Architecture } from './architecture.ts';
import { type DebianPackage, fieldOf, unpackDebianPackages } from './debian-packages.ts';
import { directory, entriesBelow, type Entry, file, link, moved } from './tree.ts';

export interface BaseSystem {
  readonly entries: readonly Entry[];
  readonly packages: readonly DebianPackage[];
  readonly distribution: { readonly id: string; readonly version: string };
}

/** User and group of the image, as numbers: Kubernetes cannot check `runAsNonRoot` for a name. */
export const IMAGE_USER = 1000;

/** What Node.js needs to run, and `env` for the first line of Layover's program. */
const PACKAGES = ['base-files', 'ca-certificates', 'coreutils', 'libc6', 'libgcc-s1', 'libstdc++6'];
/** Of packages with more than that. */
const WANTED: Readonly<Record<string, RegExp>> = {
  'base-files': /^usr\/lib\/os-release$/,
  'ca-certificates': /^usr\/share\/ca-certificates\/mozilla\//,
  coreutils: /^(?:usr\/)?bin\/env$/,
};
const NEVER_WANTED = /^usr\/share\/(?!doc\/)|\/gconv\/|^sbin\/|^usr\/sbin\/|^usr\/bin\/(?!env$)|\/audit\//;
const IS_COPYRIGHT = /^usr\/share\/doc\/[^/]+(?:\/copyright)?$/;
/** Where Debian has everything, or links to. */
const MERGED = ['bin', 'lib', 'lib64', 'sbin'];
const BUNDLE = 'etc/ssl/certs/ca-certificates.crt';

/** The file system below Node.js, from packages of the machine's Debian. @param into a directory of this function's own */
export async function createBaseSystem(options: {
  readonly architecture: Architecture;
  readonly into: string;
}): Promise<BaseSystem> {
  const first = await unpackDebianPackages(PACKAGES, options);
  // Its licence.
  const gcc = /gcc-\d+-base/.exec(first.find(({ name }) => name === 'libgcc-s1')?.control ?? '')?.[0];
  const packages = gcc === undefined ? first : [...first, ...(await unpackDebianPackages([gcc], options))];
  const files = (await Promise.all(packages.map(filesOf))).flat();
  const release = await readFile(join(directoryOf(packages, 'base-files'), 'usr/lib/os-release'), 'utf8');
  return {
    entries: [...files, ...packages.map(statusOf), await certificateBundle(packages), ...SKELETON],
    packages,
    distribution: { id: releaseField(release, 'ID'), version: releaseField(release, 'VERSION_ID') },
  };
}

/** Accounts for programs that look up a name, and the directories that programs expect. */
const SKELETON: readonly Entry[] = [
  ...MERGED.map((name) => link(name, `usr/${name}`)),
  ...MERGED.map((name) => directory(`usr/${name}`)),
  link('etc/os-release', '../usr/lib/os-release'),
  file(
    'etc/passwd',
    `root:x:0:0:root:/root:/nonexistent\nlayover:x:${IMAGE_USER}:${IMAGE_USER}::/var/lib/registry:/nonexistent\n`,
  ),
  file('etc/group', `root:x:0:\nlayover:x:${IMAGE_USER}:\n`),
  file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
  directory('tmp', { mode: 0o1777 }),
  directory('proc'),
  directory('sys'),
  directory('dev'),
  directory('etc/distribution'),
  directory('etc/docker/registry'),
  directory('var/lib/registry', { owner: IMAGE_USER }),
];

async function filesOf({ name, directory: from }: DebianPackage): Promise<Entry[]> {
  const wanted = WANTED[name];
  const entries = (await entriesBelow(from)).filter(
    ({ path }) => IS_COPYRIGHT.test(path) || (!NEVER_WANTED.test(path) && wanted === undefined) || wanted?.test(path),
  );
  return moved(entries, toMerged);
}

function toMerged(path: string): string {
  return MERGED.some((name) => path.startsWith(`${name}/`)) ? `usr/${path}` : path;
}

/** Where scanners look for packages of images without dpkg. */
function statusOf({ name, control }: DebianPackage): Entry {
  return file(
    `var/lib/dpkg/status.d/${name}`,
    `${control.replace(/^(Package: .*)$/m, '$1\nStatus: install ok installed')}\n`,
  );
}

/** What `update-ca-certificates` would write. */
async function certificateBundle(packages: readonly DebianPackage[]): Promise<Entry> {
  const from = join(directoryOf(packages, 'ca-certificates'), 'usr/share/ca-certificates');
  const names = (await entriesBelow(from)).map(({ path }) => path).filter((path) => path.endsWith('.crt'));
  const certificates = await Promise.all(names.sort().map((path) => readFile(join(from, path), 'utf8')));
  return file(BUNDLE, certificates.map((text) => `${text.trim()}\n`).join(''));
}

function directoryOf(packages: readonly DebianPackage[], name: string): string {
  const found = packages.find((it) => it.name === name);
  if (found === undefined) throw new Error(`the Debian package ${name} was not downloaded`);
  return found.directory;
}

function releaseField(release: string, field: string): string {
  return fieldOf(release.replaceAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm, '$1: $2'), field);
}
