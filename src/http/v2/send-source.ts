import type { ByteRange } from '../../oci/range.ts';
import { type ByteSource, MemorySource } from '../../stream/byte-source.ts';
import type { Exchange } from './exchange.ts';

/** Part of the body: literal text, or a range of the source. */
export type BodyPart = { readonly text: string } | { readonly range: ByteRange };

/**
 * Sends the body after the headers, at the client's pace, and ends the response.
 *
 * @throws when the source fails or the client disconnects; the response is then incomplete and has to be cut
 */
export async function sendSource(exchange: Exchange, source: ByteSource, parts: readonly BodyPart[]): Promise<void> {
  const { res } = exchange;
  const [first] = parts;
  if (source instanceof MemorySource && parts.length === 1 && first && 'range' in first) {
    const bytes = source.slice(first.range);
    exchange.sent(bytes.length);
    res.end(bytes);
    return;
  }
  const { signal } = exchange;
  for (const part of parts) {
    if ('text' in part) await write(exchange, Buffer.from(part.text), signal);
    else for await (const chunk of source.read(part.range, { signal })) await write(exchange, chunk, signal);
  }
  res.end();
}

/** Resolves when the socket has taken the chunk and its buffer can be reused. */
function write(exchange: Exchange, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    exchange.res.write(chunk, (err) => {
      signal.removeEventListener('abort', onAbort);
      if (err) return reject(err);
      exchange.sent(chunk.length);
      resolve();
    });
  });
}
