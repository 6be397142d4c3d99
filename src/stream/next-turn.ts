/** Resolves in the next turn of the event loop, after the requests that wait there. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const IN_ONE_TURN = 1_024;

/** Calls `work` for each item, and lets other work run in between. For work of a microsecond. */
export async function inTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let done = 0;
  for (const item of items) {
    work(item);
    if (++done % IN_ONE_TURN === 0) await nextTurn();
  }
}
