import type { Finding, KeyPath } from './problem.ts';
import { plainAt, textAt } from './tree.ts';
import { parseTcpAddress } from './units.ts';

/** Keys about private repositories that need each other. */
export function findAccessConflicts(plain: unknown): Finding[] {
  const targets = entriesAt(plain, ['proxy', 'sync']).flatMap(({ entry, path }) =>
    unusedGroups(plainAt(entry, ['to']), [...path, 'to']),
  );
  const isSafe = protectsTokens(plain);
  const upstreams = entriesAt(plain, ['proxy', 'upstreams']).flatMap(({ entry, path }): Finding[] => {
    const methods = methodsOf(entry);
    return [
      ...(methods.includes('forward') && !isSafe ? [exposedTokens([...path, 'private', 'access'])] : []),
      ...(methods.includes('groups') ? [] : unusedGroups(entry, path)),
    ];
  });
  return [...upstreams, ...targets];
}

/** Whether what clients send cannot be read on the network: TLS, a socket of the machine, or loopback. */
function protectsTokens(plain: unknown): boolean {
  const tls = plainAt(plain, ['http', 'tls']);
  const isIssued = Object.keys(plainAt(tls, ['letsencrypt']) ?? {}).length > 0;
  if (isIssued || plainAt(tls, ['certificate']) !== undefined) return true;
  if (textAt(plain, ['http', 'net'])?.toLowerCase() === 'unix') return true;
  const listen = parseTcpAddress(textAt(plain, ['http', 'addr']) ?? '');
  return listen?.net === 'tcp' && /^(?:127\.|::1$|localhost$)/.test(listen.host ?? '');
}

function exposedTokens(path: KeyPath): Finding {
  const message = 'forward needs http.tls, or http.addr on loopback: clients send their tokens of the upstream';
  return { path, part: 'value', message };
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
