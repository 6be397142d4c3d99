import type { StorageDriver } from '../storage/driver.ts';
import { orUndefined } from './links.ts';

export interface NamesRequest {
  /** Any text. */
  readonly after: string;
  /** How many names the caller expects to need. */
  readonly about: number;
}

/** A list of more names is read at once: to put its parts in order may take requests for each. */
const MAX_IN_PARTS = 2_000;

/** Names directly below a directory after a text, in code point order, part by part. None when there is no such directory. */
export async function* namesAfter(
  driver: StorageDriver,
  path: string,
  request: NamesRequest,
): AsyncGenerator<readonly string[], void, void> {
  if (driver.listAfter && request.about <= MAX_IN_PARTS) {
    yield* driver.listAfter(path, request.after, request);
    return;
  }
  const names = (await orUndefined(driver.list(path))) ?? [];
  yield names.slice(countUntil(names, request.after));
}

/** How many of the sorted names are not after `last`. */
function countUntil(names: readonly string[], last: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}
