import type { Dirent } from 'node:fs';
import { opendir, readdir } from 'node:fs/promises';

import { nextTurn } from '../../stream/next-turn.ts';

/** Entries that are handled in one turn of the event loop: about a millisecond. */
const IN_ONE_TURN = 1_024;

/**
 * Reads a directory in one call, which for a large directory would block the event loop: 100 000 entries take a quarter of a second to
 * convert and sort.
 */
export async function* readAtOnce(directory: string): AsyncGenerator<readonly Dirent[], void, void> {
  yield await readdir(directory, { withFileTypes: true });
}

/** Reads a directory in parts, each in one turn of the event loop. */
export async function* readInParts(directory: string): AsyncGenerator<readonly Dirent[], void, void> {
  let part: Dirent[] = [];
  for await (const entry of await opendir(directory, { bufferSize: IN_ONE_TURN })) {
    part.push(entry);
    if (part.length < IN_ONE_TURN) continue;
    yield part;
    part = [];
    await nextTurn();
  }
  yield part;
}

/** Merges sorted lists, and lets other work run in between. */
export async function mergeSorted(lists: readonly string[][]): Promise<string[]> {
  const [first = [], second] = lists;
  if (second === undefined) return first;
  const merged: string[][] = [];
  for (let i = 0; i < lists.length; i += 2) merged.push(await mergeTwo(lists[i] ?? [], lists[i + 1] ?? []));
  return mergeSorted(merged);
}

async function mergeTwo(left: readonly string[], right: readonly string[]): Promise<string[]> {
  const merged: string[] = [];
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const [a, b] = [left[l], right[r]];
    const isLeft = b === undefined || (a !== undefined && a < b);
    merged.push((isLeft ? a : b) as string);
    if (isLeft) l++;
    else r++;
    if (merged.length % (4 * IN_ONE_TURN) === 0) await nextTurn();
  }
  return merged;
}
