import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';

/** A repository with more references shares what it shares, without a number. */
const MAX_REFERENCES = 1_000;
/** Two suffice to know that it is not the only one. */
const HOLDERS = { limit: 3 };

/** Bytes of content that no other repository has. Undefined for a repository with too many references to look at each. */
export async function ownBytes(
  index: Pick<UsageIndex, 'ofRepository' | 'holders'>,
  repository: string,
): Promise<number | undefined> {
  const records: UsageRecord[] = [];
  for await (const record of index.ofRepository(repository)) {
    if (records.push(record) > MAX_REFERENCES) return undefined;
  }
  const sizes = await Promise.all(
    records.map(async ({ digest, size }) => {
      const holders = await index.holders(digest, HOLDERS);
      return holders.every((holder) => holder.repository === repository) ? size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
