import { formatOrigin } from './problem.ts';
import type { ConfigNode } from './tree.ts';

/** A key that the file or a variable sets. */
export interface ConfiguredKey {
  /** With dots; a number is a place in a list. */
  readonly key: string;
  readonly origin: 'file' | 'environment';
  readonly where: string;
}

/** Every key with a value, in the order of the configuration. */
export function configuredKeys(node: ConfigNode, path: readonly string[] = []): ConfiguredKey[] {
  switch (node.kind) {
    case 'scalar': {
      const { origin } = node;
      if (node.isNull) return [];
      return [{ key: path.join('.'), origin: 'file' in origin ? 'file' : 'environment', where: formatOrigin(origin) }];
    }
    case 'list':
      return node.items.flatMap((item, i) => configuredKeys(item, [...path, String(i)]));
    case 'map':
      return [...node.entries].flatMap(([key, { value }]) => configuredKeys(value, [...path, key]));
  }
}
