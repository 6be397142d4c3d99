import type { ByteRange, ByteSource } from '../stream/byte-source.ts';

/** Copies chunks, because each is valid only until the next one is requested. */
export async function readRange(source: ByteSource, range: ByteRange, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read(range, signal ? { signal } : {})) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Also closes the source. */
export async function readAll(source: ByteSource): Promise<Buffer> {
  try {
    return await readRange(source, { start: 0, end: source.size });
  } finally {
    await source.close();
  }
}
