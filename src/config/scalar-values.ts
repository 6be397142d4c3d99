import type { KeyPath } from './problem.ts';
import type { ScalarShape, Shape } from './shape.ts';
import { textAt } from './tree.ts';
import { parseBoolean } from './units.ts';

interface ScalarValue {
  readonly path: KeyPath;
  readonly text: string;
  readonly shape: ScalarShape;
}

/** Every single value of the plain configuration with a known key, without entries that are `disabled`. */
export function scalarValuesOf(plain: unknown, shape: Shape, path: KeyPath = []): ScalarValue[] {
  if (shape.kind === 'scalar') return typeof plain === 'string' ? [{ path, text: plain, shape }] : [];
  if (shape.kind === 'list') {
    const items: readonly unknown[] = Array.isArray(plain) ? plain : [];
    return items.flatMap((item, i) => scalarValuesOf(item, shape.item, [...path, i]));
  }
  if (typeof plain !== 'object' || plain === null || isDisabled(plain)) return [];
  return Object.entries(plain).flatMap(([key, value]) => {
    const child = shape.kind === 'object' ? shape.keys.get(key) : shape.kind === 'map' ? shape.value : undefined;
    return child === undefined ? [] : scalarValuesOf(value, child, [...path, key]);
  });
}

function isDisabled(plain: object): boolean {
  return parseBoolean(textAt(plain, ['disabled']) ?? '') === true;
}
