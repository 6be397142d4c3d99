import { readFile, writeFile } from 'node:fs/promises';

import { formatDigestList, parseDigestList } from '../bundles/digest-list.ts';
import { digestsAfter } from '../bundles/other-side.ts';
import type { Digest } from '../oci/digest.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheTarget } from './cache-target.ts';
import type { CacheOutput } from './cache.ts';

/** Files that describe the other side. */
export interface OtherSide {
  /** Written by `bundle inventory`. */
  readonly have: readonly string[];
  /** Bundles that it imported. */
  readonly base: readonly string[];
  /** Written by `bundle import --missing-to`. */
  readonly missing: readonly string[];
}

const PAGE = 1_000;

/** Digests that need not be delivered. @throws {ControlError} | {ImageError} */
export async function digestsThere({ have, base, missing }: OtherSide): Promise<ReadonlySet<Digest>> {
  const there = new Set<Digest>();
  for (const path of have) for (const digest of await readList(path)) there.add(digest);
  for (const path of base) for (const digest of await digestsAfter(path)) there.add(digest);
  // What it reported missing, whatever it was believed to have.
  for (const path of missing) for (const digest of await readList(path)) there.delete(digest);
  return there;
}

/** `bundle inventory` */
export async function printInventory({ control }: CacheTarget, output: CacheOutput): Promise<void> {
  const digests = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await control.list({ kind: 'blob', limit: PAGE, cursor });
    for (const { digest } of page.entries) digests.add(digest);
    cursor = page.cursor;
  } while (cursor !== undefined);
  const { complete } = await control.stats();
  if (!complete)
    output.err.write(
      'layover: the index is incomplete: what it lacks is delivered again (see layover index rebuild)\n',
    );
  const sorted = [...digests].sort();
  output.out.write(output.json ? `${JSON.stringify({ digests: sorted }, null, 2)}\n` : formatDigestList(sorted));
}

/** For `bundle create --missing`. */
export async function writeMissing(path: string, digests: readonly string[]): Promise<void> {
  await writeFile(path, formatDigestList(digests));
}

async function readList(path: string): Promise<Digest[]> {
  const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
    throw new ControlError('not-found', `${path}: ${err.code === 'ENOENT' ? 'no such file' : err.message}`);
  });
  return parseDigestList(text, path);
}
