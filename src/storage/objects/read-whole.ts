import type { ByteSource } from '../../stream/byte-source.ts';

/** All bytes of a small source. */
export async function readWhole(source: ByteSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
