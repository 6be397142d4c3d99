import { isDigest } from '../oci/digest.ts';
import { FileTooLargeError, PathNotFoundError, type StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import type { ContentReference } from '../usage/usage-index.ts';

/** Distribution's expiry list, in the storage root. */
const STATE_PATH = '/scheduler-state.json';
/** About a million entries. Larger files are not worth the memory. Bytes. */
const MAX_STATE_BYTES = 256 * 1024 * 1024;

/** Content with the time at which distribution would have removed it. */
export interface ScheduledEntry extends ContentReference {
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export type SchedulerState =
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly entries: readonly ScheduledEntry[] }
  | { readonly kind: 'damaged'; readonly reason: string }
  /** The storage cannot be read now. */
  | { readonly kind: 'unavailable' };

/**
 * Reads the expiry list of a cache directory that distribution filled. Never fails: with an empty or truncated list, at which distribution fails
 * to start (its issues #2374 and #4478), the age of the content is unknown.
 */
export async function loadSchedulerState(driver: StorageDriver): Promise<SchedulerState> {
  try {
    return parseSchedulerState((await driver.readSmall(STATE_PATH, MAX_STATE_BYTES)).toString('utf8'));
  } catch (err) {
    if (err instanceof PathNotFoundError) return { kind: 'none' };
    if (err instanceof FileTooLargeError || err instanceof UnreadablePathError)
      return { kind: 'damaged', reason: err.message };
    return { kind: 'unavailable' };
  }
}

/** Entries are keyed `repository@digest`; `EntryType` is 0 for a blob and 1 for a manifest; `ExpiryData` is a time as in RFC 3339. */
function parseSchedulerState(text: string): SchedulerState {
  if (text.trim() === '') return { kind: 'damaged', reason: 'the file is empty' };
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    return { kind: 'damaged', reason: 'the file is not JSON' };
  }
  if (typeof state !== 'object' || state === null || Array.isArray(state)) {
    return { kind: 'damaged', reason: 'the file has no object of entries' };
  }
  return { kind: 'read', entries: Object.entries(state).flatMap(([key, entry]) => toEntry(key, entry)) };
}

/** @returns nothing for entries that distribution would ignore too */
function toEntry(key: string, entry: unknown): ScheduledEntry[] {
  const { EntryType: type, ExpiryData: expiry } = (entry ?? {}) as { EntryType?: unknown; ExpiryData?: unknown };
  const expiresAt = typeof expiry === 'string' ? Date.parse(expiry) : NaN;
  const at = key.indexOf('@');
  const [repository, digest] = [key.slice(0, Math.max(at, 0)), key.slice(at + 1)];
  if ((type !== 0 && type !== 1) || !isDigest(digest) || repository === '' || Number.isNaN(expiresAt)) return [];
  return [{ repository, digest, kind: type === 0 ? 'blob' : 'manifest', expiresAt }];
}
