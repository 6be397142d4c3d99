import type { Digest } from '../oci/digest.ts';
import type { RemovalClaim, UsageIndex } from './usage-index.ts';

export interface LockedStore {
  readonly bytes: { locked<T>(digest: Digest, work: () => Promise<T>): Promise<T> };
}

/**
 * Runs `work` while no other code, in this process or another with the same index, links or removes the digest.
 *
 * @returns undefined when another process is linking or removing it
 */
export function withRemovalClaim<T>(
  { index, store }: { readonly index: UsageIndex; readonly store: LockedStore },
  digest: Digest,
  work: (claim: RemovalClaim) => Promise<T>,
): Promise<T | undefined> {
  return store.bytes.locked(digest, async () => {
    const claim = await index.claim(digest);
    if (!claim) return undefined;
    try {
      return await work(claim);
    } finally {
      await claim.release();
    }
  });
}
