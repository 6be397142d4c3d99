/** A body has more bytes than its reader accepts. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';

  constructor(limitBytes: number) {
    super(`larger than ${limitBytes} bytes`);
  }
}

/**
 * All bytes of a body that should be small.
 *
 * @throws {BodyTooLargeError} at the first byte above the limit; the rest is not read, and the stream is destroyed
 */
export async function readBounded(chunks: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  for await (const chunk of bounded(chunks, limitBytes)) kept.push(chunk);
  return Buffer.concat(kept);
}

/** Passes on at most `limitBytes`. @throws {BodyTooLargeError} in place of the chunk that goes beyond */
export async function* bounded(chunks: AsyncIterable<Uint8Array>, limitBytes: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limitBytes) throw new BodyTooLargeError(limitBytes);
    yield chunk;
  }
}
