import { hasApiRoot } from './api-root.ts';
import { findSharedNames } from './overlaps.ts';
import type { Finding, KeyPath } from './problem.ts';
import { plainAt, textAt } from './tree.ts';

/** What a configuration means where its author may not have thought of it. */
export function findNotices(plain: unknown): Finding[] {
  return [...findApiRoots(plain), ...findAnyNamespace(plain), ...findSharedNames(plain)];
}

/** People copy addresses with `/v2/`. */
function findApiRoots(plain: unknown): Finding[] {
  return registryUrls(plain)
    .filter((path) => hasApiRoot(textAt(plain, path) ?? ''))
    .map((path) => ({
      path,
      part: 'value',
      message: 'read without the /v2 or /v1 at its end, as /v2/ is added to it',
    }));
}

function registryUrls(plain: unknown): KeyPath[] {
  const upstreams = plainAt(plain, ['proxy', 'upstreams']);
  const paths = (Array.isArray(upstreams) ? upstreams : []).flatMap((upstream, i): KeyPath[] => {
    const mirrors = plainAt(upstream, ['mirrors']);
    const count = Array.isArray(mirrors) ? mirrors.length : 0;
    const at = ['proxy', 'upstreams', i] as const;
    return [[...at, 'remoteurl'], ...Array.from({ length: count }, (_, j) => [...at, 'mirrors', j])];
  });
  return [['proxy', 'remoteurl'], ['proxy', 'fills', 'advertise'], ...paths];
}

function findAnyNamespace(plain: unknown): Finding[] {
  const path = ['proxy', 'remoteurl'];
  if (textAt(plain, path) === undefined) return [];
  const message = 'serves requests for every registry (?ns=), as no proxy.upstreams say which ones it is a mirror of';
  return [{ path, part: 'key', message }];
}
