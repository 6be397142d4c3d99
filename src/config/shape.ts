import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import type { KeyPath } from './problem.ts';
import { type ValueInfo, valueInfos } from './schema/value-info.ts';

/** The keys of the schema, without its checks. */
export type Shape =
  | { readonly kind: 'object'; readonly keys: ReadonlyMap<string, Shape> }
  | { readonly kind: 'map'; readonly value: Shape }
  /** `takesOne`: a single entry need not be in a list. */
  | { readonly kind: 'list'; readonly item: Shape; readonly takesOne: boolean }
  | ScalarShape
  /** Options of a driver or middleware that Layover does not have. */
  | { readonly kind: 'any' };

export type ScalarShape = { readonly kind: 'scalar' } & ValueInfo;

const TEXT: ValueInfo = { reads: 'text', format: 'text' };

export function shapeOf(schema: z.core.$ZodType): Shape {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return shapeOf(schema.unwrap());
  if (schema instanceof z.ZodPipe) return shapeOfPipe(schema);
  if (schema instanceof z.ZodArray) return { kind: 'list', item: shapeOf(schema.element), takesOne: false };
  if (schema instanceof z.ZodRecord) return { kind: 'map', value: shapeOf(schema.valueType) };
  if (!(schema instanceof z.ZodObject)) return { kind: 'any' };
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return { kind: 'object', keys: new Map(Object.entries(shape).map(([key, value]) => [key, shapeOf(value)])) };
}

function shapeOfPipe(pipe: z.ZodPipe): Shape {
  const { in: before, out: after } = pipe;
  if (before instanceof z.ZodUnknown) return { kind: 'scalar', ...(valueInfos.get(pipe) ?? TEXT) };
  if (!(before instanceof z.ZodTransform)) return shapeOf(before);
  const shape = shapeOf(after);
  return shape.kind === 'list' ? { ...shape, takesOne: true } : shape;
}

/** The shape at `path`. Undefined for unknown keys. */
function shapeAt(shape: Shape, path: KeyPath): Shape | undefined {
  let at: Shape | undefined = shape;
  for (const step of path) {
    if (at?.kind === 'object') at = at.keys.get(String(step));
    else if (at?.kind === 'map') at = at.value;
    else at = at?.kind === 'list' ? at.item : undefined;
  }
  return at;
}

/** The candidate with the fewest edits. Undefined without candidates. */
export function findNearest(word: string, candidates: Iterable<string>): string | undefined {
  let nearest: { candidate: string; edits: number } | undefined;
  for (const candidate of candidates) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (edits < (nearest?.edits ?? Infinity)) nearest = { candidate, edits };
  }
  return nearest?.candidate;
}

/** Half of a word, and its letters in another order, count like one wrong letter. */
function editsBetween(word: string, candidate: string): number {
  if (word !== candidate && lettersOf(word) === lettersOf(candidate)) return 1;
  const isHalf = word.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate));
  return isHalf ? 1 : distance(word, candidate);
}

function lettersOf(word: string): string {
  return Array.from(word).sort().join('');
}

/** `unknown key "tsl", did you mean "tls"?`; a key of another section is named with its path. */
export function describeUnknownKey(root: Shape, parent: KeyPath, key: string): string {
  const here = shapeAt(root, parent);
  const nearest = here?.kind === 'object' ? findNearest(key, here.keys.keys()) : undefined;
  const isClose =
    nearest !== undefined && editsBetween(key.toLowerCase(), nearest) <= Math.max(1, Math.floor(key.length / 3));
  const meant = isClose ? nearest : pathOfKey(root, key);
  return `unknown key ${JSON.stringify(key)}${meant === undefined ? '' : `, did you mean "${meant}"?`}`;
}

interface Place {
  readonly path: string;
  readonly shape: Shape;
}

/** The shortest path that ends in `key`. */
function pathOfKey(root: Shape, key: string): string | undefined {
  let level: readonly Place[] = [{ path: '', shape: root }];
  while (level.length > 0) {
    const found = level.find(({ shape }) => shape.kind === 'object' && shape.keys.has(key));
    if (found !== undefined) return joinKey(found.path, key);
    level = level.flatMap(placesBelow);
  }
  return undefined;
}

function placesBelow({ path, shape }: Place): Place[] {
  if (shape.kind === 'list') return [{ path: `${path}[]`, shape: shape.item }];
  if (shape.kind !== 'object') return [];
  return [...shape.keys].map(([key, child]) => ({ path: joinKey(path, key), shape: child }));
}

function joinKey(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
