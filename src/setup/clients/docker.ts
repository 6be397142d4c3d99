import { isDeepStrictEqual } from 'node:util';

import { type ClientPlan, type FileChange, registriesOf, type SetupClient, type SetupRequest } from '../plan.ts';
import { SetupError } from '../setup-error.ts';
import { caChanges, isCaFile } from './ca-file.ts';
import { CLOSED_BY_HOSTS, hostsChange, isHostsFile } from './hosts-toml.ts';

const DAEMON = '/etc/docker/daemon.json';
const CERTS = '/etc/docker/certs.d';

/** With the classic image store, which mirrors Docker Hub alone, or with that of containerd. */
export const docker: SetupClient = {
  name: 'docker',
  title: 'Docker',
  plan,
  canWrite: (path) => path === DAEMON || isHostsFile(path, CERTS) || isCaFile(path, CERTS),
};

function plan(request: SetupRequest): ClientPlan {
  const { store, cache, isEnforced } = request;
  const others = registriesOf(request).filter((registry) => registry !== 'docker.io');
  const hosts = registriesOf(request).map((registry) => hostsChange(CERTS, registry, request));
  const hostsOnly = store === 'containerd';
  return {
    changes: [...(hostsOnly ? [] : classicChanges(request)), ...(store === 'classic' ? [] : hosts)],
    printed: [],
    takesEffect: hostsOnly ? 'at once' : 'after `systemctl reload docker`; for hosts.toml at once',
    ...(isEnforced ? enforcementOf(store) : { enforcement: '' }),
    notes: [
      ...(store === undefined
        ? [
            'Docker 29 and later reads hosts.toml, unless it was updated with the classic image store; others read daemon.json alone.',
          ]
        : []),
      ...(hostsOnly
        ? []
        : [
            `The classic image store mirrors Docker Hub alone. Pull from others by prefix: docker pull ${cache.host}/${others[0] ?? 'ghcr.io'}/owner/name:1`,
          ]),
      'Docker without root has ~/.config/docker instead of /etc/docker; Docker Desktop has Settings, Docker Engine.',
    ],
  };
}

const CLASSIC_IS_OPEN =
  'the classic image store pulls from Docker Hub when the cache fails, and no setting prevents that: block registry-1.docker.io in the firewall';

function enforcementOf(store: SetupRequest['store']): Pick<ClientPlan, 'enforcement' | 'unenforced'> {
  return {
    enforcement: store === 'classic' ? '' : CLOSED_BY_HOSTS,
    unenforced: store === 'containerd' ? undefined : CLASSIC_IS_OPEN,
  };
}

function classicChanges({ cache, ca }: SetupRequest): FileChange[] {
  const merge = (existing = '') =>
    withMirror(existing, cache.origin, cache.isPlain && !cache.isLoopback ? cache.host : undefined);
  return [{ path: DAEMON, merge }, ...caChanges(CERTS, { cache, ca })];
}

function withMirror(existing: string, origin: string, insecure: string | undefined): string {
  const daemon = existing.trim() === '' ? {} : parseDaemon(existing);
  const changed = {
    ...daemon,
    'registry-mirrors': withFirst(daemon, 'registry-mirrors', origin),
    ...(insecure !== undefined && { 'insecure-registries': withFirst(daemon, 'insecure-registries', insecure) }),
  };
  if (JSON.stringify(changed) === JSON.stringify(daemon)) return existing;
  if (!isDeepStrictEqual(tokensOf(existing.trim() === '' ? '{}' : existing), tokensOf(JSON.stringify(daemon))))
    throw new SetupError(
      `${DAEMON}: has keys twice, or numbers that would be written differently (add ${origin} to registry-mirrors by hand)`,
    );
  const indent = /^[ \t]+(?=")/m.exec(existing)?.[0] ?? '  ';
  return `${JSON.stringify(changed, null, indent)}\n`;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

/** With one spelling for a string. A number keeps its own: a large one is not the same any more. */
function tokensOf(json: string): string[] {
  return (json.match(TOKEN) ?? []).map((token) => (token.startsWith('"') ? String(JSON.parse(token)) : token));
}

function parseDaemon(text: string): Record<string, unknown> {
  try {
    const daemon: unknown = JSON.parse(text);
    if (typeof daemon === 'object' && daemon !== null && !Array.isArray(daemon))
      return daemon as Record<string, unknown>;
  } catch (err) {
    throw new SetupError(
      `${DAEMON}: ${err instanceof Error ? err.message : String(err)} (repair the file first; nothing was changed)`,
    );
  }
  throw new SetupError(`${DAEMON}: not a JSON object (repair the file first; nothing was changed)`);
}

/** The entry is the first one: Docker uses mirrors in their order. */
function withFirst(daemon: Record<string, unknown>, key: string, entry: string): unknown[] {
  const list = daemon[key] ?? [];
  if (!Array.isArray(list))
    throw new SetupError(`${DAEMON}: ${key} is not a list (repair the file first; nothing was changed)`);
  const same = list.find((each) => String(each).replace(/\/$/, '') === entry);
  return same === undefined ? [entry, ...list] : list;
}
