import type { Finding, KeyPath } from './problem.ts';
import type { Shape } from './shape.ts';
import type { ConfigNode } from './tree.ts';

const MESSAGE = 'is empty: set a value, or remove the key (text that starts with # needs quotes in YAML)';

/** Empty secrets. Other empty keys count as absent; an absent secret would leave something open that the operator meant to protect. */
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
