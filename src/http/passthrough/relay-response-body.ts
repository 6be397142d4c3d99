import type { IncomingMessage } from 'node:http';

/** Bytes that are read of a body without use, so that its connection can be used again. */
const MAX_UNUSED = 64 * 1024;
/** Milliseconds. */
const MAX_WAIT_MS = 10_000;

/** Lets go of a body; of one that has no end together with its connection. */
export function discard(answer: IncomingMessage): void {
  void readBounded(answer, MAX_UNUSED);
}

/** @returns undefined for a body that is larger or does not come to its end */
export async function readBounded(answer: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => answer.destroy(), MAX_WAIT_MS);
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) return undefined; // leaving the loop destroys it
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
