import { StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../storage/driver.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { SpoolAreaFullError } from './spool-area.ts';

/**
 * `no-room`: the disk is full. `over-limit`: it is not, but this blob would exceed our own limit. `untrusted`: the upstream sent something
 * else than the blob. `yielded`: another fill needed the slot.
 */
export type FillResult = 'completed' | 'failed' | 'no-room' | 'over-limit' | 'untrusted' | 'yielded';

/** A fill without readers gave its slot to one that has some. */
export class FillYieldedError extends Error {
  override readonly name = 'FillYieldedError';
}

/** What a disk says that is full, or takes nothing at all. */
const NO_ROOM_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']);

/** The disk, a quota on it, or our own limit on spools. */
export function isNoRoom(err: unknown): boolean {
  if (err instanceof SpoolAreaFullError) return true;
  if (err instanceof StorageFullError || err instanceof StorageReadOnlyError) return true;
  return NO_ROOM_CODES.has((err as NodeJS.ErrnoException).code ?? '');
}

export function fillResultOf(err: unknown): FillResult {
  if (err instanceof SpoolAreaFullError) return 'over-limit';
  if (err instanceof FillYieldedError) return 'yielded';
  if (isNoRoom(err)) return 'no-room';
  const isProtocolError = err instanceof UpstreamError && err.kind === 'protocol';
  return isProtocolError || err instanceof DigestMismatchError ? 'untrusted' : 'failed';
}

/** Whether the bytes that have come may be resumed by the next fill from the same source. */
export function isWorthKeeping(err: unknown): boolean {
  if (err instanceof UpstreamError) return err.kind !== 'protocol';
  return err instanceof FillYieldedError || err instanceof StorageUnavailableError;
}
