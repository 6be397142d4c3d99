import { z } from 'zod';
import type { Listen } from '../config.ts';
import {
  parseBoolean,
  parseDurationMs,
  parseHttpUrl,
  parseNetwork,
  parseOwnDurationMs,
  parseSizeBytes,
  parseTcpAddress,
} from '../units.ts';
import { matchGlobs } from '../../matching/glob.ts';
import { GlobError } from '../../matching/glob-syntax.ts';
import { withoutApiRoot } from '../api-root.ts';
import { compilePattern, type Pattern, PatternError } from '../../matching/pattern.ts';
import { type Reading, readings } from './reading.ts';

/** In whole days, the longest wait of Node's timers (2³¹ - 1 milliseconds); a longer one fires at once. */
const MAX_TIMER_MS = 24 * 86_400_000;

/** A value that is wrong for a reason of its own; the message reads on from the key: `must be …`. */
class InvalidValueError extends Error {
  override readonly name = 'InvalidValueError';
}

/** What a value can be read as. */
type Simple = string | number | boolean | Listen;

interface ScalarType<T> {
  /** Reads on from the key's name: `must be …`. */
  readonly expected: string;
  /** What an editor is told. */
  readonly json: z.core.JSONSchema.BaseSchema;
  /** Undefined, or an {@link InvalidValueError} with a better message: not one of these. */
  readonly parse: (text: string) => T | undefined;
  /** @default text */
  readonly reads?: Reading;
}

// Every value arrives as the text that was written, so that the key's type decides what `0123` or `yes` means.
function scalar<T extends Simple>(description: string, { expected, json, parse, reads = 'text' }: ScalarType<T>) {
  const read = (value: unknown, ctx: z.core.$RefinementCtx): T => {
    const parsed = typeof value === 'string' ? tryParse(value, parse) : undefined;
    if (parsed !== undefined && !(parsed instanceof InvalidValueError)) return parsed;
    ctx.addIssue({ code: 'custom', message: value === undefined ? 'is required' : (parsed?.message ?? expected) });
    return z.NEVER;
  };
  return z
    .unknown()
    .transform(read)
    .meta({ ...json, description })
    .register(readings, { reads });
}

function tryParse<T extends Simple>(
  text: string,
  parse: (text: string) => T | undefined,
): T | InvalidValueError | undefined {
  try {
    return parse(text);
  } catch (err) {
    if (err instanceof InvalidValueError) return err;
    throw err;
  }
}

export const text = (description: string) =>
  scalar(description, { expected: 'must be text', json: { type: 'string' }, parse: (value) => value });

/** A password, a token, a key: an empty one is refused before the schema looks (empty-secrets.ts). */
export const secret = (description: string) =>
  scalar(description, { expected: 'must be text', json: SECRET_JSON, parse: (value) => value, reads: 'secret' });

const SECRET_JSON = { type: 'string', minLength: 1 } as const;

/** Text that has to say something. */
export const name = (description: string) =>
  scalar(description, {
    expected: 'must be text that is not empty',
    json: { type: 'string', minLength: 1 },
    parse: (value) => value.trim() || undefined,
  });

export const matching = (description: string, { pattern, expected }: { pattern: RegExp; expected: string }) =>
  scalar(description, {
    expected,
    json: { type: 'string', pattern: pattern.source },
    parse: (value) => (pattern.test(value) ? value : undefined),
  });

/** What `Host` headers may name: no port, as it is not compared. */
export const hosts = (description: string) =>
  z
    .array(
      matching('A name or an IP address, without a port.', {
        pattern: /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/,
        expected: 'must be a name or an IP address, without a port',
      }),
    )
    .describe(description);

export const bool = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be true or false',
    json: { type: 'boolean' },
    parse: parseBoolean,
  });

interface Range {
  readonly min?: number;
  readonly max?: number;
}

export const integer = (description: string, { min = -(2 ** 31), max = 2 ** 31 - 1 }: Range = {}) =>
  scalar(description, {
    reads: 'yaml',
    expected: `must be a whole number from ${min} to ${max}`,
    json: { type: 'integer', minimum: min, maximum: max },
    parse: (value) => inRange(/^[-+]?\d+$/.test(value) ? Number(value) : NaN, { min, max }),
  });

export const fraction = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a number from 0 to 1',
    json: { type: 'number', minimum: 0, maximum: 1 },
    parse: (value) => inRange(/^\d*\.?\d+$/.test(value) ? Number(value) : NaN, { min: 0, max: 1 }),
  });

function inRange(value: number, { min = -Infinity, max = Infinity }: Range): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

export const choice = <const T extends string>(description: string, choices: readonly T[]) =>
  scalar(description, {
    expected: `must be ${listing(choices)}`,
    json: { type: 'string', enum: [...choices] },
    parse: (value) => choices.find((known) => known.toLowerCase() === value.toLowerCase()),
  });

/** `a, b or c` */
function listing(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

const DURATION = 'must be a duration such as 30s, 10m or 168h';
const DURATION_JSON = { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema;

/** A duration of distribution's. Milliseconds. */
export const duration = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: DURATION,
    json: DURATION_JSON,
    parse: (value) => notNegative(parseDurationMs(value)),
  });

/** The same where a negative one says something: never. Milliseconds. */
export const signedDuration = (description: string) =>
  scalar(description, { reads: 'yaml', expected: DURATION, json: DURATION_JSON, parse: parseDurationMs });

/** A duration of distribution's that a timer waits for. Milliseconds. */
export const timer = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: DURATION,
    json: DURATION_JSON,
    parse: (value) => timerMs(parseDurationMs(value)),
  });

/** A duration of ours. Milliseconds. */
export const ownDuration = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: `${DURATION.replace(' or ', ', ')} or 7d`,
    json: { type: 'string' },
    parse: (value) => notNegative(parseOwnDurationMs(value)),
  });

/** A duration of ours that a timer waits for; not 0. Milliseconds. */
export const ownTimer = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: `${DURATION}, and longer than 0`,
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

export const size = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a size such as 50GiB, 500MB or a number of bytes',
    json: DURATION_JSON,
    parse: parseSizeBytes,
  });

/** A URL as it was written; the reader parses it again. */
export const httpUrl = (description: string) =>
  scalar(description, {
    expected: 'must be an http or https URL',
    json: { type: 'string', pattern: '^https?://' },
    parse: (value) => parseHttpUrl(value) && value,
  });

/**
 * The address of a registry, without slashes and the root of the API at its end, which clients add. Credentials in it would end up in logs, and a query or
 * fragment would be lost.
 */
export const registryUrl = (description: string) =>
  scalar(description, {
    expected: 'must be a URL such as https://registry-1.docker.io',
    json: { type: 'string', pattern: '^https?://' },
    parse: parseRegistryUrl,
  });

function parseRegistryUrl(value: string): string | undefined {
  const url = parseHttpUrl(value);
  if (url === undefined) return undefined;
  if (url.username || url.password)
    throw new InvalidValueError('must not contain a user name or password; use credentials');
  if (url.search || url.hash) throw new InvalidValueError('must not contain a query or fragment');
  return withoutApiRoot(url);
}

export const tcpAddress = (description: string) =>
  scalar(description, {
    expected: 'must be an address such as :5000, 127.0.0.1:5000 or [::1]:5000',
    json: { type: 'string' },
    parse: parseTcpAddress,
  });

/** Peers: an address, a network, or whoever is on a unix socket. */
export const network = (description: string) =>
  scalar(description, {
    expected: 'must be an address such as 10.0.0.1 or fd00::1, a network such as 10.0.0.0/8, or unix',
    json: { type: 'string' },
    parse: parseNetwork,
  });

/** @see matchGlobs */
export const glob = (description: string) =>
  scalar(description, {
    expected: 'must be text that is not empty',
    json: { type: 'string', minLength: 1 },
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

/** Compiled by the engine that takes linear time, which is loaded when there is one. Parse asynchronously. */
export const pattern = (description: string) =>
  text(description).transform(readPattern).meta({ type: 'string', format: 'regex', description });

async function readPattern(source: string, ctx: z.core.$RefinementCtx): Promise<Pattern> {
  try {
    return await compilePattern(source);
  } catch (err) {
    if (!(err instanceof PatternError)) throw err;
    ctx.addIssue({ code: 'custom', message: `must be a regular expression in Go's syntax: ${err.message}` });
    return z.NEVER;
  }
}

/** Text, a number or true/false, told apart by how it looks. */
export const simple = (description: string) =>
  scalar(description, {
    expected: 'must be text, a number, or true or false',
    json: { type: ['string', 'number', 'boolean'] } as unknown as z.core.JSONSchema.BaseSchema,
    parse: (value): string | number | boolean => {
      if (value === 'true' || value === 'false') return value === 'true';
      return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/.test(value) ? Number(value) : value;
    },
  });
