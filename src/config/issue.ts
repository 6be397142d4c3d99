import type { z } from 'zod';
import type { Finding, KeyPath } from './problem.ts';
import { describeUnknownKey, type Shape } from './shape.ts';

/** An issue of the schema library, in a message for the operator. Never repeats a value. */
export function describeIssue(issue: z.core.$ZodIssue, shape: Shape): Finding[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(shape, path, key));
    case 'invalid_type':
      return [{ path, part: 'value', message: describeType(issue.expected, issue.input) }];
    case 'invalid_key':
      return [{ path, part: 'key', message: issue.issues[0]?.message ?? 'cannot be a key' }];
    default:
      return [{ path, part: 'value', message: issue.message }];
  }
}

function unknownKey(shape: Shape, path: KeyPath, key: string): Finding {
  return { path: [...path, key], part: 'key', message: describeUnknownKey(shape, path, key) };
}

function describeType(expected: string, input: unknown): string {
  if (input === undefined) return 'is required';
  return expected === 'array' ? 'must be a list' : 'must be a mapping of keys to values';
}
