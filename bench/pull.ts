import { createHash } from 'node:crypto';
import { request } from 'undici';

export interface Pulled {
  readonly status: number;
  readonly bytes: number;
  readonly correct: boolean;
  readonly cache: string | undefined;
  /** Until the last byte. Milliseconds. */
  readonly ms: number;
  /** Until the headers. Milliseconds. */
  readonly headersMs: number;
}

/** One GET, read to the end and hashed; a failure is a result too. */
export async function pull(url: string, digest?: string, timeoutMs = 60_000): Promise<Pulled> {
  const startedAt = performance.now();
  try {
    const answer = await request(url, { headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    const headersMs = performance.now() - startedAt;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const correct = answer.statusCode === 200 && (digest === undefined || `sha256:${hash.digest('hex')}` === digest);
    const cache = answer.headers['x-cache'] as string | undefined;
    return { status: answer.statusCode, bytes, correct, cache, ms: performance.now() - startedAt, headersMs };
  } catch {
    const ms = performance.now() - startedAt;
    return { status: 0, bytes: 0, correct: false, cache: undefined, ms, headersMs: ms };
  }
}
