import { createHash, type Hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';

/** A blob nobody has pushed before: shared bytes, and an end of its own. */
export interface FreshBlob {
  readonly size: number;
  readonly digest: string;
  /** Buffers whose bytes are those of the range. */
  read(start: number, end: number): readonly Buffer[];
}

const OWN_BYTES = 32;

/** Makes blobs of one size; only their ends are hashed for each, so that the client has little to do while others are measured. */
export class FreshBlobs {
  readonly #shared: Buffer;
  readonly #hash: Hash;

  constructor(size: number) {
    this.#shared = randomBytes(size - OWN_BYTES);
    this.#hash = createHash('sha256').update(this.#shared);
  }

  make(): FreshBlob {
    const [shared, own] = [this.#shared, randomBytes(OWN_BYTES)];
    const { length } = shared;
    return {
      size: length + OWN_BYTES,
      digest: `sha256:${this.#hash.copy().update(own).digest('hex')}`,
      read(start, end) {
        const parts = [
          shared.subarray(start, end),
          own.subarray(Math.max(0, start - length), Math.max(0, end - length)),
        ];
        return parts.filter((part) => part.length > 0);
      },
    };
  }
}

/** How a blob is sent. */
export type PushMode = 'POST + PUT' | 'one POST' | 'streamed PATCH' | 'PATCH in chunks';

/** As Docker copies: into chunked coding, so many bytes at a time. */
const STREAM_BYTES = 32 * 1024;
const CHUNKS = 4;

/** Pushes to one registry over connections that are kept. */
export class PushClient {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = url;
  }

  /** @returns milliseconds it took. @throws {Error} when it is refused */
  async push(repository: string, blob: FreshBlob, mode: PushMode): Promise<number> {
    const startedAt = performance.now();
    const uploads = `/v2/${repository}/blobs/uploads/`;
    if (mode === 'one POST') await this.#send(201, 'POST', `${uploads}?digest=${blob.digest}`, whole(blob));
    else await this.#pushToSession(await this.#send(202, 'POST', uploads), blob, mode);
    return performance.now() - startedAt;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #pushToSession(session: string, blob: FreshBlob, mode: PushMode): Promise<void> {
    let upload = session;
    if (mode === 'streamed PATCH') upload = await this.#stream(upload, blob);
    if (mode === 'PATCH in chunks') upload = await this.#chunks(upload, blob);
    const body = mode === 'POST + PUT' ? whole(blob) : undefined;
    await this.#send(201, 'PUT', `${upload}${upload.includes('?') ? '&' : '?'}digest=${blob.digest}`, body);
  }

  async #stream(upload: string, blob: FreshBlob): Promise<string> {
    const sending = this.#start('PATCH', upload, { 'transfer-encoding': 'chunked' });
    const answering = answerOf(sending);
    for (let start = 0; start < blob.size; start += STREAM_BYTES) {
      for (const part of blob.read(start, Math.min(start + STREAM_BYTES, blob.size))) {
        if (!sending.write(part)) await Promise.race([once(sending, 'drain'), answering]);
      }
    }
    sending.end();
    return locationOf(202, await answering);
  }

  async #chunks(session: string, blob: FreshBlob): Promise<string> {
    let upload = session;
    const length = Math.ceil(blob.size / CHUNKS);
    for (let start = 0; start < blob.size; start += length) {
      const end = Math.min(start + length, blob.size);
      const headers = { 'content-range': `${start}-${end - 1}` };
      upload = await this.#send(202, 'PATCH', upload, { parts: blob.read(start, end), headers });
    }
    return upload;
  }

  async #send(status: number, method: string, target: string, body: Body = { parts: [] }): Promise<string> {
    const length = body.parts.reduce((sum, part) => sum + part.length, 0);
    const sending = this.#start(method, target, { 'content-length': length, ...body.headers });
    const answering = answerOf(sending);
    for (const part of body.parts) sending.write(part);
    sending.end();
    return locationOf(status, await answering);
  }

  #start(method: string, target: string, headers: OutgoingHttpHeaders): ClientRequest {
    const all = { 'content-type': 'application/octet-stream', ...headers };
    return request(new URL(target, this.#url), { method, agent: this.#agent, headers: all });
  }
}

interface Body {
  readonly parts: readonly Buffer[];
  readonly headers?: OutgoingHttpHeaders;
}

function whole(blob: FreshBlob): Body {
  return { parts: blob.read(0, blob.size) };
}

async function answerOf(sending: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return answer;
}

function locationOf(expected: number, { statusCode, headers }: IncomingMessage): string {
  if (statusCode !== expected) throw new Error(`a push was answered with ${statusCode}, not ${expected}`);
  return headers.location ?? '';
}
