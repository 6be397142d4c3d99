import type { Finding, KeyPath } from './problem.ts';
import type { Shape } from './shape.ts';
import type { ConfigNode } from './tree.ts';

const MESSAGE = 'is empty: give it a value, or leave the key out (text that starts with # needs quotes in YAML)';

/**
 * Secrets that are there and say nothing. Elsewhere an empty key means the same as none; where a secret was meant, that would
 * leave something open.
 */
export function findEmptySecrets(node: ConfigNode, shape: Shape, path: KeyPath = []): Finding[] {
  if (shape.kind === 'scalar') {
    const isEmpty = node.kind === 'scalar' && (node.isNull || node.text.trim() === '');
    return shape.reads === 'secret' && isEmpty ? [{ path, part: 'key', message: MESSAGE }] : [];
  }
  if (shape.kind === 'list' && node.kind === 'list') {
    return node.items.flatMap((item, i) => findEmptySecrets(item, shape.item, [...path, i]));
  }
  if (node.kind !== 'map') return [];
  return [...node.entries].flatMap(([key, { value }]) => {
    const child = shape.kind === 'object' ? shape.keys.get(key) : shape.kind === 'map' ? shape.value : undefined;
    return child === undefined ? [] : findEmptySecrets(value, child, [...path, key]);
  });
}
