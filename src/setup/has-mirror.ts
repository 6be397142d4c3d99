import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseToml } from './toml-edit.ts';

export interface ClientMachine {
  /** Directory in which the clients' files are; `/` for this machine. */
  readonly root: string;
  /** Of the user. Absent when there is none. */
  readonly home: string | undefined;
}

const MIRRORED = 'docker.io';

/** Whether files of Docker name a mirror of Docker Hub, set up by any means. One that cannot be read names none. */
export async function dockerHasMirror({ root, home }: ClientMachine): Promise<boolean> {
  const homes = home === undefined ? [] : [join(home, '.config/docker'), join(home, '.docker')];
  const daemons = ['/etc/docker', ...homes].map((directory) => join(root, directory, 'daemon.json'));
  const hosts = [MIRRORED, '_default'].map((name) => join(root, '/etc/docker/certs.d', name, 'hosts.toml'));
  const texts = await textsOf(daemons);
  return texts.some(mirrorsInDaemon) || (await Promise.all(hosts.map(exists))).includes(true);
}

/** The same of Podman, Buildah and skopeo. */
export async function podmanHasMirror({ root, home }: ClientMachine): Promise<boolean> {
  const directories = ['/etc/containers', ...(home === undefined ? [] : [join(home, '.config/containers')])];
  const files = directories.map(async (directory) => {
    const more = join(root, directory, 'registries.conf.d');
    const names = await readdir(more).catch(() => []);
    return [join(root, directory, 'registries.conf'), ...names.map((name) => join(more, name))];
  });
  return (await textsOf((await Promise.all(files)).flat())).some(mirrorsInRegistries);
}

function mirrorsInDaemon(text: string): boolean {
  const daemon = parsed(text, JSON.parse) as { readonly 'registry-mirrors'?: unknown } | null | undefined;
  const mirrors = daemon?.['registry-mirrors'];
  return Array.isArray(mirrors) && mirrors.length > 0;
}

interface RegistryEntry {
  readonly prefix?: unknown;
  readonly location?: unknown;
  readonly mirror?: unknown;
}

function mirrorsInRegistries(text: string): boolean {
  const entries = (parsed(text, (toml) => parseToml(toml, '')) as { readonly registry?: unknown } | undefined)
    ?.registry;
  if (!Array.isArray(entries)) return false;
  return (entries as readonly RegistryEntry[]).some(
    ({ location, prefix = location, mirror }) => prefix === MIRRORED && (mirror !== undefined || location !== MIRRORED),
  );
}

function parsed(text: string, parser: (text: string) => unknown): unknown {
  try {
    return parser(text);
  } catch {
    return undefined;
  }
}

function textsOf(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
