import type { IncomingMessage } from 'node:http';

/** Bytes of an unused body that are read so that its connection can be reused. */
const MAX_UNUSED = 64 * 1024;
/** Milliseconds. */
const MAX_WAIT_MS = 10_000;

/** Drops a body; a long one together with its connection. */
export function discard(response: IncomingMessage): void {
  void readBounded(response, MAX_UNUSED);
}

/** @returns undefined for a body that is larger or incomplete */
export async function readBounded(response: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => response.destroy(), MAX_WAIT_MS);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
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
