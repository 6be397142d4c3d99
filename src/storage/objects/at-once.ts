/** Runs `work` for each item, for a limited number at the same time. Rejects with the first error, when all have ended. */
export async function forEachAtOnce<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const workOn = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, workOn);
  await Promise.allSettled(workers);
  await Promise.all(workers);
}
