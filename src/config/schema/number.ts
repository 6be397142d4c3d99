import type { z } from 'zod';
import { parseBoolean, parseSizeBytes } from '../units.ts';
import { scalar } from './scalar.ts';

export const bool = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be true or false',
    json: { type: 'boolean' },
    format: 'boolean',
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
    format: 'integer',
    parse: (value) => inRange(/^[-+]?\d+$/.test(value) ? Number(value) : NaN, { min, max }),
  });

export const fraction = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a number from 0 to 1',
    json: { type: 'number', minimum: 0, maximum: 1 },
    format: '0 to 1',
    parse: (value) => inRange(/^\d*\.?\d+$/.test(value) ? Number(value) : NaN, { min: 0, max: 1 }),
  });

function inRange(value: number, { min = -Infinity, max = Infinity }: Range): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

/** Bytes. */
export const size = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a size such as 50GiB, 500MB or a number of bytes',
    json: { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema,
    format: 'size',
    parse: parseSizeBytes,
  });

/** Text, a number or true/false, depending on how it is written. */
export const simple = (description: string) =>
  scalar(description, {
    expected: 'must be text, a number, or true or false',
    json: { type: ['string', 'number', 'boolean'] } as unknown as z.core.JSONSchema.BaseSchema,
    format: 'text, number, boolean',
    parse: (value): string | number | boolean => {
      if (value === 'true' || value === 'false') return value === 'true';
      return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/.test(value) ? Number(value) : value;
    },
  });

export const percentage = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a percentage from 1% to 100%',
    json: { type: 'string', pattern: '^\\d+%$' },
    format: '%',
    parse: (value) => partOf(value) || undefined,
  });

/** From 0 to 1, of a text such as `20%`. @returns undefined for any other text */
export function partOf(value: string): number | undefined {
  const [, percent] = /^(\d{1,3})%$/.exec(value) ?? [];
  return percent === undefined || Number(percent) > 100 ? undefined : Number(percent) / 100;
}
