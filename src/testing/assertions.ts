import assert from 'node:assert/strict';

import { PathNotFoundError } from '../storage/driver.ts';

type ErrorClass = new (...args: never[]) => Error;

/** Every call rejects with an error of a class. @param calls by what the message of a failure calls them */
export async function assertAllReject(
  type: ErrorClass,
  calls: Readonly<Record<string, Promise<unknown>>>,
): Promise<void> {
  const outcomes = await Promise.allSettled(Object.values(calls));
  for (const [i, call] of Object.keys(calls).entries()) {
    const outcome = outcomes[i];
    assert.ok(outcome?.status === 'rejected', `${call} resolves instead of rejecting with ${type.name}`);
    assert.ok(outcome.reason instanceof type, `${call} rejects with ${outcome.reason} instead of ${type.name}`);
  }
}

/** Equal bytes, with a message that stays short for long ones. @param what such as `the range` */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const position = expected.findIndex((byte, i) => byte !== actual[i]);
  const difference = position === -1 ? expected.length : position;
  assert.fail(
    `${what}: ${actual.length} bytes instead of ${expected.length}, different from position ${difference} onwards`,
  );
}

/** For `catch` of reads of a file that may be missing. */
export function unlessMissing(err: unknown): undefined {
  if (!(err instanceof PathNotFoundError)) throw err;
}
