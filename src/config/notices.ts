import { hasApiRoot } from './api-root.ts';
import { findSharedNames } from './overlaps.ts';
import type { Finding, KeyPath } from './problem.ts';
import { plainAt, textAt } from './tree.ts';

/** Effects that the operator may not expect. */
export function findNotices(plain: unknown): Finding[] {
  return [...findApiRoots(plain), ...findAnyNamespace(plain), ...findSharedNames(plain)];
}

/** Addresses that were copied with `/v2/`. */
function findApiRoots(plain: unknown): Finding[] {
  return registryUrls(plain)
    .filter((path) => hasApiRoot(textAt(plain, path) ?? ''))
    .map((path) => ({
      path,
      part: 'value',
      message: '/v2 or /v1 at its end is ignored, because Layover appends /v2/',
    }));
}

function registryUrls(plain: unknown): KeyPath[] {
  const upstreams = plainAt(plain, ['proxy', 'upstreams']);
  const paths = (Array.isArray(upstreams) ? upstreams : []).flatMap((upstream, i): KeyPath[] => {
    const mirrors = plainAt(upstream, ['mirrors']);
    const count = Array.isArray(mirrors) ? mirrors.length : 0;
    const at = ['proxy', 'upstreams', i] as const;
    const mirrorPaths = Array.from({ length: count }, (_, j): KeyPath => [...at, 'mirrors', j]);
    return [[...at, 'remoteurl'], ...mirrorPaths, ...mirrorPaths.map((path) => [...path, 'url'])];
  });
  return [['proxy', 'remoteurl'], ['proxy', 'fills', 'advertise'], ...paths];
}

function findAnyNamespace(plain: unknown): Finding[] {
  const path = ['proxy', 'remoteurl'];
  if (textAt(plain, path) === undefined) return [];
  const message =
    'serves requests for every registry (?ns=); proxy.upstreams would restrict them to configured registries';
  return [{ path, part: 'key', message }];
}
