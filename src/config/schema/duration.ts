import type { z } from 'zod';
import { parseDurationMs, parseOwnDurationMs } from '../units.ts';
import { InvalidValueError, type ScalarType, scalar } from './scalar.ts';

/** The longest wait of Node.js's timers (2³¹ - 1 milliseconds) in whole days; longer ones fire immediately. */
const MAX_TIMER_MS = 24 * 86_400_000;

const EXPECTED = 'must be a duration such as 30s, 10m or 168h';

const common = { reads: 'yaml', expected: EXPECTED, format: 'duration' } as const;

/** Of a key of distribution. */
const goDuration: Omit<ScalarType<number>, 'parse'> = {
  ...common,
  json: { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema,
  isNanoseconds: true,
};

/** A duration in Go's format. Milliseconds. */
export const duration = (description: string) =>
  scalar(description, { ...goDuration, parse: (value) => notNegative(parseDurationMs(value)) });

/** The same where a negative one has a meaning, such as "never". Milliseconds. */
export const signedDuration = (description: string) => scalar(description, { ...goDuration, parse: parseDurationMs });

/** A duration in Go's format that a timer waits for. Milliseconds. */
export const timer = (description: string) =>
  scalar(description, { ...goDuration, parse: (value) => timerMs(parseDurationMs(value)) });

/** A duration of a key that distribution does not have: it may be in days, and needs a unit. Milliseconds. */
export const ownDuration = (description: string) =>
  scalar(description, {
    ...common,
    expected: `${EXPECTED.replace(' or ', ', ')} or 7d`,
    json: { type: 'string' },
    parse: (value) => notNegative(parseOwnDurationMs(value)),
  });

/** The same for a timer; not 0. Milliseconds. */
export const ownTimer = (description: string) =>
  scalar(description, {
    ...common,
    expected: `${EXPECTED}, and longer than 0`,
    json: { type: 'string' },
    parse: (value) => timerMs(parseOwnDurationMs(value)) || undefined,
  });

function notNegative(ms: number | undefined): number | undefined {
  if (ms !== undefined && ms < 0) throw new InvalidValueError('must not be negative');
  return ms;
}

function timerMs(ms: number | undefined): number | undefined {
  if (ms !== undefined && ms > MAX_TIMER_MS) throw new InvalidValueError('must be at most 24 days (576h)');
  return notNegative(ms);
}
