import { ChunkReader } from '../stream/byte-reader.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { UpstreamBlob } from '../upstream/upstream.ts';

/** A stored blob in the form of a download. Its body closes the source when it ends or is closed. */
export function storedBlob(source: ByteSource, start: number): UpstreamBlob {
  const chunks = source.read({ start, end: source.size });
  const body = new ChunkReader(chunks, () => void source.close().catch(() => {}));
  return { size: source.size, start, body };
}
