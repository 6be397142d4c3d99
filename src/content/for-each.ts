/**
 * Calls `work` for each item, a few at a time. A call is made when it can start, so that a million items do not become a million promises
 * at once.
 */
export async function forEach<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
  { concurrency }: { readonly concurrency: number },
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  let hasFailed = false;
  const workThrough = async () => {
    for (let next = waiting.next(); next.done !== true && !hasFailed; next = waiting.next()) await work(next.value);
  };
  const failing = (err: unknown) => {
    hasFailed = true;
    throw err;
  };
  await Promise.all(Array.from({ length: concurrency }, () => workThrough().catch(failing)));
}
