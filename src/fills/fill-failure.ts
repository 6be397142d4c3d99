import { StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../storage/driver.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { SpoolAreaFullError } from './spool-area.ts';

/**
 * - `no-space`: the disk is full, or not writable
 * - `over-limit`: the blob exceeds a configured limit
 * - `untrusted`: the upstream sent other bytes than the blob's
 * - `yielded`: another fill needed the slot
 */
export type FillResult = 'completed' | 'failed' | 'no-space' | 'over-limit' | 'untrusted' | 'yielded';

/** A fill without clients released its slot to one that has clients. */
export class FillYieldedError extends Error {
  override readonly name = 'FillYieldedError';
}

/** Error codes of a disk that is full or not writable. */
const NO_SPACE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']);

/** Whether the disk is full or not writable, or a configured limit is reached. */
export function isOutOfSpace(err: unknown): boolean {
  if (err instanceof SpoolAreaFullError) return true;
  if (err instanceof StorageFullError || err instanceof StorageReadOnlyError) return true;
  return NO_SPACE_CODES.has((err as NodeJS.ErrnoException).code ?? '');
}

export function fillResultOf(err: unknown): FillResult {
  if (err instanceof SpoolAreaFullError) return 'over-limit';
  if (err instanceof FillYieldedError) return 'yielded';
  if (isOutOfSpace(err)) return 'no-space';
  const isProtocolError = err instanceof UpstreamError && err.kind === 'protocol';
  return isProtocolError || err instanceof DigestMismatchError ? 'untrusted' : 'failed';
}

/** Whether the next fill from the same source may resume after the bytes received so far. */
export function isWorthKeeping(err: unknown): boolean {
  if (err instanceof UpstreamError) return err.kind !== 'protocol';
  return err instanceof FillYieldedError || err instanceof StorageUnavailableError;
}
