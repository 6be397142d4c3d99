import { z } from 'zod';
import { matchGlobs } from '../../matching/glob.ts';
import { GlobError } from '../../matching/glob-syntax.ts';
import { compilePattern, type Pattern, PatternError } from '../../matching/pattern.ts';
import { InvalidValueError, scalar } from './scalar.ts';

/** @see matchGlobs */
export const glob = (description: string) =>
  scalar(description, {
    expected: 'must be text that is not empty',
    json: { type: 'string', minLength: 1 },
    format: 'glob',
    parse: (value) => parseGlob(value.trim()),
  });

function parseGlob(value: string): string | undefined {
  try {
    matchGlobs([value]);
  } catch (err) {
    if (err instanceof GlobError) throw new InvalidValueError(err.message);
    throw err;
  }
  return value || undefined;
}

/** A regular expression. The engine is loaded when there is one, so this parses asynchronously. */
export const pattern = (description: string) =>
  scalar(description, {
    expected: 'must be text',
    json: { type: 'string' },
    format: 'regular expression',
    parse: (value) => value,
  })
    .transform((source, ctx) => readPattern(source, ctx))
    .meta({ type: 'string', format: 'regex', description });

export async function readPattern(
  source: string,
  ctx: z.core.$RefinementCtx,
  compile: (source: string) => Promise<Pattern> = compilePattern,
): Promise<Pattern> {
  try {
    return await compile(source);
  } catch (err) {
    if (!(err instanceof PatternError)) throw err;
    ctx.addIssue({ code: 'custom', message: `must be a regular expression in Go's syntax: ${err.message}` });
    return z.NEVER;
  }
}
