import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { type Digest, digestFromHash } from '../../src/oci/digest.ts';
import { responseTo, startRequest } from '../support/http-client.ts';

/** What a client has in its hands when an answer is over. */
export interface Pulled {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the body that came. */
  readonly size: number;
  /** Of the bytes that came. */
  readonly digest: Digest;
  /** Everything that was announced came. False: the connection was destroyed before. */
  readonly complete: boolean;
  /** The beginning of the body. */
  readonly start: Buffer;
}

export interface AskOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes of {@link Pulled.start}: enough for manifests, errors and short ranges. */
const KEPT_BYTES = 256 * 1024;

/** Resolves when the headers are in. The caller reads the body, with {@link finish} or otherwise, or destroys it. */
export async function ask(url: string, options: AskOptions = {}): Promise<IncomingMessage> {
  const answer = await responseTo(startRequest(url, options).end());
  answer.on('error', () => {}); // who reads it sees it too
  return answer;
}

/** Reads the rest of an answer as fast as it comes. Never fails: an answer that breaks off is not `complete`. */
export async function finish(answer: IncomingMessage): Promise<Pulled> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (size < KEPT_BYTES) kept.push(chunk);
      size += chunk.length;
    }
  } catch {
    // answer.complete says the same
  }
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    size,
    digest: digestFromHash(hash, 'sha256'),
    complete: answer.complete,
    start: Buffer.concat(kept).subarray(0, KEPT_BYTES),
  };
}

export async function pull(url: string, options: AskOptions = {}): Promise<Pulled> {
  return finish(await ask(url, options));
}

/** Reads at least so many bytes of an answer and no more than it has to, and leaves the rest waiting. */
export async function readSome(answer: IncomingMessage, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < bytes) {
    const chunk = answer.read() as Buffer | null;
    if (chunk === null) {
      if (answer.destroyed || answer.readableEnded) throw new Error(`the answer ended at ${size} of ${bytes} bytes`);
      await readableOrClosed(answer);
    } else {
      chunks.push(chunk);
      size += chunk.length;
    }
  }
  return Buffer.concat(chunks);
}

async function readableOrClosed(answer: IncomingMessage): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  const either = [once(answer, 'readable', { signal }), once(answer, 'close', { signal })];
  await Promise.race(either);
  settled.abort();
  await Promise.allSettled(either);
}

/** The first error of the registry's JSON. */
export function errorCode({ start }: Pulled): string | undefined {
  const { errors } = JSON.parse(start.toString()) as { errors: readonly { readonly code: string }[] };
  return errors[0]?.code;
}
