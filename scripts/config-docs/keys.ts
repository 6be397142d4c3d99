import { z } from 'zod';
import { defaultsInWords, valueInfos } from '../../src/config/schema/value-info.ts';

/** A row of the documentation. Markdown. */
export interface DocumentedKey {
  /** `proxy.upstreams[].tags.ttl`; `.*` stands for names that the operator chooses. */
  readonly path: string;
  readonly format: string;
  readonly default: string;
  readonly description: string;
}

interface Found {
  readonly path: string;
  readonly default: string;
  readonly description: string;
}

/** Every key of the schema with a value, in the order of the schema. */
export function keysOf(schema: z.core.$ZodType, path = ''): DocumentedKey[] {
  return walk(schema, { path, default: path === '' ? '' : 'required', description: '' });
}

function walk(schema: z.core.$ZodType, found: Found): DocumentedKey[] {
  const here = { ...found, description: found.description || (z.globalRegistry.get(schema)?.description ?? '') };
  if (schema instanceof z.ZodOptional) {
    return walk(schema.unwrap(), { ...here, default: defaultsInWords.get(schema)?.words ?? '' });
  }
  if (schema instanceof z.ZodPrefault)
    return walk(schema.unwrap(), { ...here, default: asCode(schema.def.defaultValue) });
  if (schema instanceof z.ZodPipe) return walkPipe(schema, here);
  if (schema instanceof z.ZodArray) return walkList(schema, here);
  if (schema instanceof z.ZodRecord) return [walkRecord(schema, here)];
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape).flatMap(([key, child]) =>
    walk(child, { path: join(here.path, key), default: 'required', description: '' }),
  );
}

function walkPipe(pipe: z.ZodPipe, found: Found): DocumentedKey[] {
  const info = valueInfos.get(pipe);
  if (info !== undefined) return [{ ...found, format: info.format }];
  const { in: before, out: after } = pipe;
  return walk(before instanceof z.ZodTransform ? after : before, found);
}

/** A driver or method whose options do not matter has free values. */
function walkRecord({ valueType }: z.ZodRecord, found: Found): DocumentedKey {
  if (valueType instanceof z.ZodUnknown) return { ...found, format: '`{}`' };
  return { ...found, path: `${found.path}.*`, format: formatOf(valueType) };
}

/** A list of values is one row, of which the description of an item is left out. */
function walkList(list: z.ZodArray, found: Found): DocumentedKey[] {
  const path = `${found.path}[]`;
  const format = formatOf(list.element);
  if (format !== '') return [{ ...found, path, format }];
  return walk(list.element, { path, default: 'required', description: '' });
}

/** Empty for an object. */
function formatOf(schema: z.core.$ZodType): string {
  const [only, ...others] = walk(schema, { path: '', default: '', description: '' });
  return only !== undefined && others.length === 0 && only.path.replace(/\[\]$/, '') === '' ? only.format : '';
}

/** Defaults are text, or a list of texts; a section has none of its own. */
function asCode(value: unknown): string {
  if (Array.isArray(value)) return `\`[${value.join(', ')}]\``;
  return typeof value === 'string' ? `\`${value}\`` : '';
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
