import { z } from 'zod';
import type { TcpAddress } from '../units.ts';
import type { PullThreshold } from './pull-threshold.ts';
import type { TimeWindow } from './time-window.ts';
import { type FileContent, type Reading, valueInfos } from './value-info.ts';

/** A value that is wrong for a more precise reason than its type's; the message continues the key: `must be …`. */
export class InvalidValueError extends Error {
  override readonly name = 'InvalidValueError';
}

type Simple = string | number | boolean | TcpAddress | PullThreshold | TimeWindow;

export interface ScalarType<T> {
  /** Continues the key: `must be …`. */
  readonly expected: string;
  /** For editors. */
  readonly json: z.core.JSONSchema.BaseSchema;
  /** For the documentation. */
  readonly format: string;
  /**
   * @returns undefined when `expected` is precise enough
   * @throws {InvalidValueError}
   */
  readonly parse: (text: string) => T | undefined;
  /** @default text */
  readonly reads?: Reading;
  readonly isNanoseconds?: boolean;
  readonly isFile?: boolean;
  readonly mayBeDirectory?: boolean;
  readonly content?: FileContent | undefined;
}

/** The written text of a value, parsed by the type of its key: that decides what `0123` or `yes` means. */
export function scalar<T extends Simple>(description: string, type: ScalarType<T>) {
  const {
    expected,
    json,
    parse,
    reads = 'text',
    format,
    isNanoseconds = false,
    isFile = false,
    mayBeDirectory = false,
    content,
  } = type;
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
    .register(valueInfos, { reads, format, isNanoseconds, isFile, mayBeDirectory, content });
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
