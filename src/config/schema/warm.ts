import { z } from 'zod';
import { withDefault } from './defaults.ts';
import { ownDuration } from './duration.ts';
import { bool, integer, percentage } from './number.ts';
import { scalar } from './scalar.ts';
import { choice, laterFile, matching, name, platform } from './text.ts';

const TIME_OF_DAY = /^([01]?\d|2[0-3]):([0-5]\d)$/;

const jobName = matching('Name of the job, for commands and metrics.', {
  pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/,
  expected: 'must be a name such as ci-images',
});

/** A cron expression. The parser is loaded when there is one, so this parses asynchronously. */
const EXPECTED_TIME = 'must be a time such as 03:00, or a cron expression such as 0 3 * * 1-5';
const DESCRIPTION = 'When it runs: a time of day, or a cron expression, in the time zone of the process.';
export const at = scalar(DESCRIPTION, {
  expected: EXPECTED_TIME,
  json: { type: 'string' },
  format: '`HH:MM`, cron',
  parse: (value) => value.trim() || undefined,
})
  .transform(readTime)
  .meta({ type: 'string', description: DESCRIPTION });

async function readTime(text: string, ctx: z.core.$RefinementCtx): Promise<string> {
  const [, hour, minute] = TIME_OF_DAY.exec(text) ?? [];
  if (hour !== undefined) return `${Number(minute)} ${Number(hour)} * * *`;
  const { Cron } = await import('croner');
  try {
    return new Cron(text, { paused: true, mode: '5-part' }).getPattern() ?? text;
  } catch {
    ctx.addIssue({ code: 'custom', message: EXPECTED_TIME });
    return z.NEVER;
  }
}

const popular = z
  .strictObject({
    top: withDefault(integer('At most so many tags.', { min: 1, max: 1_000 }), '50'),
    uses: withDefault(integer('Requests for a tag, at least.', { min: 1 }), '5'),
    within: withDefault(ownDuration('Only requests of this time count; at most `audit.keep`.'), '7d'),
  })
  .transform(({ top, uses, within }) => ({ top, uses, withinMs: within }))
  .describe('Tags that clients request often are revalidated before their TTL ends.');

export const warm = z
  .strictObject({
    name: jobName,
    images: z.array(name('An image.')).describe('Names such as `alpine:3.20`.').optional(),
    from: laterFile('A [list](air-gap.md#lists), which is read at each run.', { mayBeDirectory: true }).optional(),
    platforms: z
      .array(platform)
      .describe('Of images for several platforms, only these. Default: the platforms of a lock in `from`, else all.')
      .optional(),
    referrers: withDefault(bool('Also signatures, SBOMs and other attachments.'), 'false'),
    pin: withDefault(bool('Protect the images from expiry and eviction.'), 'false'),
    popular: popular.optional(),
    ahead: withDefault(percentage('The last part of the TTL, in which popular tags are revalidated.'), '10%'),
    at: at.optional(),
    onstart: withDefault(
      choice(
        'At startup. `missing`: fetch missing parts. `all`: also revalidate tags that are not fresh. `never`: wait for `at`.',
        ['missing', 'all', 'never'],
      ),
      'missing',
    ),
  })
  .transform(({ images = [], from, platforms = [], onstart, ...entry }, ctx) => {
    const isList = images.length > 0 || from !== undefined;
    if (isList === (entry.popular !== undefined))
      ctx.addIssue({ code: 'custom', message: 'needs either popular, or images, or a list in from' });
    return {
      ...entry,
      images,
      /** Absent without a list. */
      from,
      /** Empty: all. */
      platforms,
      onStart: onstart,
    };
  })
  .describe('Images that are [fetched](mirroring.md) before clients request them.');
