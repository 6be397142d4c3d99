import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';

import { filesBelow } from '../support/data-directory.ts';

const INTERVAL_MS = 25;

/** Looks again and again at how many bytes of content there are, finished or being fetched. `await using` ends it. */
export function sampleSizes(root: string) {
  const sizes = { taken: 0, largest: 0 };
  const ended = new AbortController();
  const running = (async () => {
    while (!ended.signal.aborted) {
      sizes.largest = Math.max(sizes.largest, await sizeOf(root));
      sizes.taken++;
      await delay(INTERVAL_MS);
    }
  })();
  return {
    get taken() {
      return sizes.taken;
    },
    /** Bytes. */
    get largest() {
      return sizes.largest;
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await running;
    },
  };
}

/** A blob that moves from the spool to its place while it is looked for is counted once. */
async function sizeOf(root: string): Promise<number> {
  const folders = ['docker/registry/v2/blobs', 'layover/fills'];
  const files = (await Promise.all(folders.map((folder) => filesBelow(join(root, folder))))).flat();
  const infos = await Promise.all(files.map((path) => stat(path).catch(() => undefined))); // gone meanwhile
  const byInode = new Map(infos.filter((info) => info !== undefined).map((info) => [info.ino, info.size]));
  return [...byInode.values()].reduce((sum, size) => sum + size, 0);
}
