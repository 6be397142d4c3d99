import type { KeyPath, Origin } from './problem.ts';

/**
 * A configuration as it was written, every part with its origin.
 *
 * Scalars stay text: whether `0123` is a password or a number depends on the key, as in distribution's typed decoding of YAML.
 */
export type ConfigNode = ScalarNode | ListNode | MapNode;

interface ScalarNode {
  readonly kind: 'scalar';
  readonly text: string;
  /** Written as nothing, `~` or `null`; counts as absent. */
  readonly isNull: boolean;
  readonly origin: Origin;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: ConfigNode[];
  readonly origin: Origin;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: Map<string, MapEntry>;
  readonly origin: Origin;
}

export interface MapEntry {
  readonly keyOrigin: Origin;
  readonly value: ConfigNode;
}

/** The only key whose empty text has a meaning: no prefix. Other empty keys count as absent, as in Go. */
const KEY_WITH_EMPTY_VALUE = 'storeprefix';

/** Plain objects, arrays and strings. Null and empty members are left out; null items stay. */
export function toPlain(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.isNull ? null : node.text;
  if (node.kind === 'list') return node.items.map(toPlain);
  // Without a prototype, `__proto__` is an ordinary key.
  const plain = Object.create(null) as Record<string, unknown>;
  for (const [key, { value }] of node.entries) {
    const isEmpty = value.kind === 'scalar' && value.text === '' && key !== KEY_WITH_EMPTY_VALUE;
    if (!isNullNode(value) && !isEmpty) plain[key] = toPlain(value);
  }
  return plain;
}

/** The value at a path in {@link toPlain}'s result. Undefined when a part of the path is absent. */
export function plainAt(plain: unknown, path: KeyPath): unknown {
  let value = plain;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** The text at `path`. Undefined when it is absent, or a list or mapping. */
export function textAt(plain: unknown, path: KeyPath): string | undefined {
  const value = plainAt(plain, path);
  return typeof value === 'string' ? value : undefined;
}

/** The origin of the value at `path`, or of the deepest part of the path that exists. */
export function originOf(root: ConfigNode, path: KeyPath, part: 'key' | 'value' = 'value'): Origin {
  let node = root;
  let { origin } = root;
  for (const step of path) {
    const child = childOf(node, step);
    if (child === undefined) return origin;
    node = child.value;
    origin = part === 'key' ? child.keyOrigin : node.origin;
  }
  return origin;
}

function childOf(node: ConfigNode, step: string | number): MapEntry | undefined {
  if (node.kind === 'map') return node.entries.get(String(step));
  const item = node.kind === 'list' ? node.items[Number(step)] : undefined;
  return item && { keyOrigin: item.origin, value: item };
}

export function isNullNode(node: ConfigNode | undefined): boolean {
  return node === undefined || (node.kind === 'scalar' && node.isNull);
}

/**
 * `storage: inmemory` means `storage: {inmemory: {}}`, and so does `storage: {inmemory: }`; the same for `auth`.
 * Changes `root`.
 */
export function expandDriverNames(root: MapNode): void {
  for (const key of ['storage', 'auth']) {
    const entry = root.entries.get(key);
    if (entry === undefined || isNullNode(entry.value)) continue;
    root.entries.set(key, { ...entry, value: expandDriverName(entry.value) });
  }
}

function expandDriverName(node: ConfigNode): ConfigNode {
  if (node.kind === 'list') return node;
  const { origin } = node;
  const entries = new Map<string, MapEntry>();
  if (node.kind === 'scalar') entries.set(node.text, { keyOrigin: origin, value: emptyMap(origin) });
  else for (const [key, entry] of node.entries) entries.set(key, withMap(entry));
  return { kind: 'map', entries, origin };
}

function withMap(entry: MapEntry): MapEntry {
  return isNullNode(entry.value) ? { ...entry, value: emptyMap(entry.keyOrigin) } : entry;
}

export function emptyMap(origin: Origin): MapNode {
  return { kind: 'map', entries: new Map(), origin };
}
