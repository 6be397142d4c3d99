import type { Finding, KeyPath } from './problem.ts';
import { plainAt } from './tree.ts';

/** Keys about private repositories that need each other. */
export function findAccessConflicts(plain: unknown): Finding[] {
  const targets = entriesAt(plain, ['proxy', 'sync']).flatMap(({ entry, path }) =>
    unusedGroups(plainAt(entry, ['to']), [...path, 'to']),
  );
  const upstreams = entriesAt(plain, ['proxy', 'upstreams']).flatMap(({ entry, path }) =>
    methodsOf(entry).includes('groups') ? [] : unusedGroups(entry, path),
  );
  return [...upstreams, ...targets];
}

function unusedGroups(holder: unknown, path: KeyPath): Finding[] {
  return entriesAt(holder, ['credentials']).flatMap(({ entry, path: at }): Finding[] =>
    plainAt(entry, ['groups']) === undefined
      ? []
      : [{ path: [...path, ...at, 'groups'], part: 'key', message: 'needs private.access: groups' }],
  );
}

function methodsOf(upstream: unknown): readonly string[] {
  const access = plainAt(upstream, ['private', 'access']);
  const listed: readonly unknown[] = Array.isArray(access) ? access : [access];
  return listed.filter((each) => typeof each === 'string').map((each) => each.toLowerCase());
}

function entriesAt(
  plain: unknown,
  path: readonly string[],
): readonly { readonly entry: unknown; readonly path: KeyPath }[] {
  const list = plainAt(plain, path);
  return Array.isArray(list) ? list.map((entry: unknown, i) => ({ entry, path: [...path, i] })) : [];
}
