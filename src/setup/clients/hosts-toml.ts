import { basename, dirname } from 'node:path';

import { HEADER, type FileChange, type SetupRequest } from '../plan.ts';
import { appended, headerOf, parseToml, setInToml, toToml } from '../toml-edit.ts';
import { valueAt } from '../value-at.ts';

/** containerd's name for the directory of registries without their own. */
export const ANY_REGISTRY = '_default';

/** Docker Hub's name for images is not its address. */
const SERVERS: ReadonlyMap<string, string> = new Map([['docker.io', 'https://registry-1.docker.io']]);

export interface HostsOptions extends Pick<SetupRequest, 'cache' | 'ca' | 'isEnforced'> {
  /** How long a client waits for a cache that is not there. @default 2s */
  readonly dialTimeout?: string;
}

/** For {@link ClientPlan.enforcement}. */
export const CLOSED_BY_HOSTS = 'hosts.toml names the cache as the registry itself, so there is no fallback';

/** `hosts.toml` of one registry, for containerd and for Docker with its image store. */
export function hostsToml(registry: string, options: HostsOptions): string {
  const { isEnforced, cache, ca } = options;
  const server = isEnforced ? cache.origin : serverOf(registry);
  const trusted = isEnforced && ca ? `ca = ${toToml(ca.path)}\n` : '';
  return `${server === undefined ? '' : `server = "${server}"\n${trusted}\n`}${hostTable(options)}`;
}

/** Adds the cache before other mirrors of an existing file. */
export function hostsChange(directory: string, registry: string, options: HostsOptions): FileChange {
  const path = `${directory}/${registry}/hosts.toml`;
  return {
    path,
    merge(existing = '') {
      if (existing.trim() === '') return `${HEADER}${hostsToml(registry, options)}`;
      return withHost(existing, path, options);
    },
  };
}

/** Whether {@link hostsChange} writes it. @param directory absent for any */
export function isHostsFile(path: string, directory?: string): boolean {
  return basename(path) === 'hosts.toml' && (directory === undefined || dirname(dirname(path)) === directory);
}

function withHost(existing: string, path: string, options: HostsOptions): string {
  const { cache, ca, isEnforced } = options;
  const hasHost = valueAt(parseToml(existing, path), ['host', cache.origin]) !== undefined;
  const added = hasHost ? existing : withTable(existing, hostTable(options));
  parseToml(added, path);
  if (!isEnforced) return added;
  // containerd 1.6 needs a host in addition to the server, which is the last one and has the settings outside of tables.
  const closed = setInToml(added, path, { keys: [], key: 'server', value: cache.origin });
  return ca ? setInToml(closed, path, { keys: [], key: 'ca', value: ca.path }) : closed;
}

function withTable(existing: string, table: string): string {
  const lines = existing.split('\n');
  const first = lines.findIndex((line) => /^\s*\[\s*host\b/.test(line));
  return first === -1 ? appended(existing, table) : lines.toSpliced(first, 0, ...table.split('\n')).join('\n');
}

function hostTable({ cache, ca, dialTimeout = '2s' }: HostsOptions): string {
  return `${headerOf(['host', cache.origin])}
  capabilities = ["pull", "resolve"]
  dial_timeout = "${dialTimeout}"
${ca === undefined ? '' : `  ca = ${toToml(ca.path)}\n`}`;
}

/** @returns undefined for any registry: containerd then uses the address in the name of the image */
function serverOf(registry: string): string | undefined {
  return registry === ANY_REGISTRY ? undefined : (SERVERS.get(registry) ?? `https://${registry}`);
}
