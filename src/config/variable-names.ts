import type { Shape } from './shape.ts';

/** Names of Go fields in distribution's variables, where they differ from the key in the file. Paths are without indexes. */
const GO_NAMES: Readonly<Record<string, string>> = {
  'notifications.events': 'EVENTCONFIG',
  'health.file': 'FILECHECKERS',
  'health.http': 'HTTPCHECKERS',
  'health.tcp': 'TCPCHECKERS',
  'log.hooks.options': 'MAILOPTIONS',
};

/**
 * Parts of a variable's name that mean `key`: its Go field, if that has another name, then the key in upper case.
 *
 * @param parents keys above it, without indexes
 */
export function namesOf(parents: readonly string[], key: string): readonly string[] {
  const goName = GO_NAMES[[...parents, key].join('.')];
  return goName === undefined ? [key.toUpperCase()] : [goName, key.toUpperCase()];
}

/** The key that a part of a variable's name means. Undefined when there is none. */
export function keyNamed(keys: Iterable<string>, parents: readonly string[], name: string): string | undefined {
  return [...keys].find((key) => namesOf(parents, key).includes(name));
}

export function isIndex(part: string): boolean {
  return /^\d+$/.test(part);
}

/** Whether the parts of a variable's name after `REGISTRY` lead to a known key. */
export function leadsToKey(shape: Shape, names: readonly string[], parents: readonly string[] = []): boolean {
  const [name, ...rest] = names;
  if (name === undefined) return true;
  switch (shape.kind) {
    case 'object': {
      const key = keyNamed(shape.keys.keys(), parents, name);
      const child = key === undefined ? undefined : shape.keys.get(key);
      return key !== undefined && child !== undefined && leadsToKey(child, rest, [...parents, key]);
    }
    case 'list':
      return isIndex(name) && leadsToKey(shape.item, rest, parents);
    default:
      return shape.kind !== 'scalar';
  }
}

/**
 * The key that the rest of a variable's name means in a map with free keys, and the remaining parts of the name.
 *
 * `REGISTRY_LOG_FIELDS_CLUSTER_NAME` is the field `cluster_name`. Names of headers have `-` for `_`, because a shell does not
 * allow it in a variable; a number at the end is an index in a list.
 */
export function splitMapName(names: readonly string[], value: Shape): { key: string; rest: readonly string[] } {
  if (value.kind === 'scalar') return { key: names.join('_').toLowerCase(), rest: [] };
  if (value.kind !== 'list') return { key: (names[0] ?? '').toLowerCase(), rest: names.slice(1) };
  const isItem = names.length > 1 && isIndex(names.at(-1) ?? '');
  const parts = isItem ? names.slice(0, -1) : names;
  return { key: parts.join(value.takesOne ? '-' : '_').toLowerCase(), rest: isItem ? names.slice(-1) : [] };
}

/** Whether two keys of a map are the same in a variable. */
export function isSameMapKey(key: string, other: string): boolean {
  const plain = (text: string) => text.toUpperCase().replaceAll('-', '_');
  return plain(key) === plain(other);
}
