import { type ByteReader, chunksOf } from '../../src/stream/byte-reader.ts';

/** All bytes of a body. */
export async function bytesOf(body: ByteReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(body, Buffer.alloc(64 * 1024))) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Reads to the end or the failure. */
export async function readAll(
  body: ByteReader,
  onFirstChunk?: () => void,
): Promise<{ readonly bytes: Buffer; readonly failure: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of chunksOf(body, Buffer.alloc(64 * 1024))) {
      if (chunks.length === 0) onFirstChunk?.();
      chunks.push(Buffer.from(chunk));
    }
    return { bytes: Buffer.concat(chunks), failure: undefined };
  } catch (failure) {
    return { bytes: Buffer.concat(chunks), failure };
  }
}
