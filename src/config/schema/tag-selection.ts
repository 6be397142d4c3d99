import { z } from 'zod';
import { compileWholePattern, type Pattern } from '../../matching/pattern.ts';
import { compileVersionRange, type VersionRange } from '../../matching/version-range.ts';
import { withDefault } from './defaults.ts';
import { bool, integer } from './number.ts';
import { readPattern } from './pattern.ts';
import { scalar } from './scalar.ts';

const versionRange = (description: string) =>
  scalar(description, {
    expected: 'must be a range of versions such as ">=3.18" or "^1.27 || 2.x"',
    json: { type: 'string' },
    format: 'range of versions',
    parse: (value) => value.trim() || undefined,
  })
    .transform(readVersionRange)
    .meta({ type: 'string', description });

async function readVersionRange(source: string, ctx: z.core.$RefinementCtx): Promise<VersionRange> {
  const range = await compileVersionRange(source);
  if (range) return range;
  ctx.addIssue({ code: 'custom', message: 'must be a range of versions such as ">=3.18" or "^1.27 || 2.x"' });
  return z.NEVER;
}

const wholeTag = (description: string) =>
  scalar(description, {
    expected: 'must be text that is not empty',
    json: { type: 'string', minLength: 1 },
    format: 'regular expression',
    parse: (value) => value || undefined,
  })
    .transform(readTagPattern)
    .meta({ type: 'string', format: 'regex', description });

/** A tag begins with a letter, a digit or `_`. */
const NO_BEGINNING = /^(?:-|\\[-.])(?![*?{])[^|]*$/;

/** An expression that no tag matches is a mistake, too. */
async function readTagPattern(source: string, ctx: z.core.$RefinementCtx): Promise<Pattern> {
  const message =
    'matches no tag: it has to match the whole tag (".*-rc" is for tags that end with -rc, ".*-rc.*" for those that contain it)';
  if (NO_BEGINNING.test(source)) ctx.addIssue({ code: 'custom', message });
  return readPattern(source, ctx, compileWholePattern);
}

const PARTS = ['semver', 'newest', 'match'] as const;

export const tagSelection = z
  .strictObject({
    semver: versionRange('Versions in this range. A missing part is 0: `3.20` is 3.20.0.').optional(),
    newest: integer('This many of the newest versions in each family, of those that the other keys select.', {
      min: 1,
      max: 10_000,
    }).optional(),
    match: wholeTag('Regular expression for the whole tag.').optional(),
    exclude: wholeTag('Regular expression for the whole tag; those that match are left out.').optional(),
    prerelease: withDefault(bool('Also prereleases such as `3.20-rc1`, and builds of a commit.'), 'false'),
  })
  .transform((raw, ctx) => {
    if (PARTS.some((key) => raw[key] !== undefined)) return raw;
    ctx.addIssue({ code: 'custom', message: 'must have semver, newest or match (match: ".*" selects all tags)' });
    return z.NEVER;
  })
  .describe('Which tags of the repositories.');
