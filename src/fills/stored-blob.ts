import { Readable } from 'node:stream';

import type { ByteSource } from '../stream/byte-source.ts';
import type { UpstreamBlob } from '../upstream/upstream.ts';

/** A stored blob in the form of a download. Closes the source at its end. */
export function storedBlob(source: ByteSource, start: number): UpstreamBlob {
  return { size: source.size, start, body: Readable.from(copies(source, start), { objectMode: true }) };
}

/** Copies each chunk: it is valid only until the next one, and a stream reads ahead. */
async function* copies(source: ByteSource, start: number): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of source.read({ start, end: source.size })) yield Buffer.from(chunk);
  } finally {
    await source.close();
  }
}
