import { z } from 'zod';
import { defaultsInWords } from './value-info.ts';

/** @param value as a file would have it: text, or a list of texts; parsed like any value */
export function withDefault<S extends z.ZodType>(schema: S, value: z.input<S>): z.ZodPrefault<S> {
  return z.prefault(schema, value);
}

/** Zero and less mean the default as well, as in distribution. */
export function withPositiveDefault(schema: z.ZodType<number>, value: string) {
  const fallback = schema.parse(value);
  return z.prefault(schema, value).transform((given) => (given > 0 ? given : fallback));
}

/** An optional value whose default depends on something else, or is the absence of a limit. @param words Markdown */
export function otherwise<S extends z.ZodType>(schema: S, words: string): z.ZodOptional<S> {
  const optional = z.optional(schema);
  defaultsInWords.add(optional, { words });
  return optional;
}

/**
 * A default that applies when other sources, such as a related key or a variable of OpenTelemetry, have no value either.
 *
 * @returns the optional key, and the parsed default
 */
export function lateDefault<S extends z.ZodType>(schema: S, text: string) {
  return { key: otherwise(schema, `\`${text}\``), value: schema.parse(text) };
}
