import { Readable } from 'node:stream';

import type { ByteSource } from '../stream/byte-source.ts';
import type { UpstreamBlob } from '../upstream/upstream.ts';

/** A stored blob in the form of a download. Its stream closes the source when it ends or is destroyed. */
export function storedBlob(source: ByteSource, start: number): UpstreamBlob {
  const body = Readable.from(copies(source, start), { objectMode: true });
  // A generator has no `finally` before its first step, and the stream can be destroyed before that.
  body.once('close', () => void source.close().catch(() => {}));
  return { size: source.size, start, body };
}

/** Copies each chunk: it is valid only until the next one, and a stream reads ahead. */
async function* copies(source: ByteSource, start: number): AsyncGenerator<Buffer> {
  for await (const chunk of source.read({ start, end: source.size })) yield Buffer.from(chunk);
}
