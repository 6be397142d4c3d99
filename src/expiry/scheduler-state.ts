import { PathNotFoundError, type StorageDriver } from '../storage/driver.ts';

/** Where distribution keeps what it knows of its cache's age, in the storage root. */
const STATE_PATH = '/scheduler-state.json';
/** A million entries; above it the file is not worth the memory. Bytes. */
const MAX_STATE_BYTES = 256 * 1024 * 1024;

export type SchedulerState =
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly blobs: number; readonly manifests: number }
  | { readonly kind: 'damaged'; readonly reason: string };

/**
 * Looks at the expiry list of a cache directory that distribution has filled. Never fails: a list that is empty or cut off, which stops
 * distribution at the start (its issues #2374 and #4478), only means that nothing is known of the content's age.
 */
export async function loadSchedulerState(driver: StorageDriver): Promise<SchedulerState> {
  try {
    return parseSchedulerState((await driver.readSmall(STATE_PATH, MAX_STATE_BYTES)).toString('utf8'));
  } catch (err) {
    if (err instanceof PathNotFoundError) return { kind: 'none' };
    return { kind: 'damaged', reason: err instanceof Error ? err.message : String(err) };
  }
}

/** Entries are keyed `repository@digest`; `EntryType` is 0 for a blob and 1 for a manifest. */
export function parseSchedulerState(text: string): SchedulerState {
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
  const types = Object.values(state).map((entry: unknown) => (entry as { EntryType?: unknown } | null)?.EntryType);
  return {
    kind: 'read',
    blobs: types.filter((type) => type === 0).length,
    manifests: types.filter((type) => type === 1).length,
  };
}
