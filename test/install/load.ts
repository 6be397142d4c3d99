import { randomBytes } from 'node:crypto';

import { Agent, fetch, type RequestInit, type Response } from 'undici';

import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';

const PULLERS = 2;
const PUSHERS = 2;
const LAYER_BYTES = 900_000;
const CHUNK_BYTES = 300_000;

/** Clients that pull and push without a pause, and without repeating what failed. */
export class Load implements AsyncDisposable {
  readonly failures: string[] = [];
  /** Tags of `team/app` that were pushed whole, and their layers. */
  readonly pushed = new Map<string, string>();
  pulls = 0;
  readonly #url: string;
  readonly #agent: Agent;
  readonly #clients: Promise<void>[] = [];
  #isEnding = false;

  private constructor(url: string, ca: string) {
    this.#url = url;
    this.#agent = new Agent({ connect: { ca }, headersTimeout: 60_000, bodyTimeout: 60_000 });
  }

  static async start({ url, ca }: { readonly url: string; readonly ca: string }): Promise<Load> {
    const load = new Load(url, ca);
    await load.#push('first');
    for (let i = 0; i < PULLERS; i++)
      load.#clients.push(load.#repeat(() => load.pull('first').then(() => void load.pulls++)));
    for (let i = 0; i < PUSHERS; i++) {
      let count = 0;
      load.#clients.push(load.#repeat(() => load.#push(`${i}-${count++}`)));
    }
    return load;
  }

  /** Resolves when the requests in progress have ended. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#agent.close();
  }

  /** @throws {Error} unless manifest and layer are there, byte for byte */
  async pull(tag: string): Promise<void> {
    const manifest = (await (await this.#send(200, `manifests/${tag}`)).json()) as { layers: [{ digest: string }] };
    const { digest } = manifest.layers[0];
    const bytes = Buffer.from(await (await this.#send(200, `blobs/${digest}`)).arrayBuffer());
    if (digestOf(bytes) !== digest) throw new Error(`${tag}: other bytes`);
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#isEnding) await work().catch((err: unknown) => this.failures.push(reasonOf(err)));
  }

  async #push(tag: string): Promise<void> {
    const layer = await this.#pushBlob(randomBytes(LAYER_BYTES));
    const config = await this.#pushBlob(Buffer.from(JSON.stringify({ tag, os: 'linux', architecture: 'amd64' })));
    const manifest = {
      ...{ schemaVersion: 2, mediaType: OCI_MANIFEST },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    };
    const init = { method: 'PUT', body: JSON.stringify(manifest), headers: { 'content-type': OCI_MANIFEST } };
    await this.#send(201, `manifests/${tag}`, init);
    this.pushed.set(tag, layer.digest);
  }

  async #pushBlob(bytes: Buffer): Promise<{ readonly digest: string; readonly size: number }> {
    const digest = digestOf(bytes);
    await this.#send(404, `blobs/${digest}`, { method: 'HEAD' });
    let location = locationOf(await this.#send(202, 'blobs/uploads/', { method: 'POST' }));
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const body = bytes.subarray(at, at + CHUNK_BYTES);
      const headers = {
        'content-type': 'application/octet-stream',
        'content-range': `${at}-${at + body.length - 1}`,
      };
      location = locationOf(await this.#send(202, location, { method: 'PATCH', body, headers }));
    }
    await this.#send(201, `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, { method: 'PUT' });
    return { digest, size: bytes.length };
  }

  /** @param path absolute, or below the repository */
  async #send(expected: number, path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, `${this.#url}/v2/team/app/`);
    const what = `${init.method ?? 'GET'} ${url.pathname}`;
    const response = await fetch(url, { ...init, dispatcher: this.#agent }).catch((err: unknown) => {
      throw new Error(`${what}: ${reasonOf(err)}`, { cause: err });
    });
    if (response.status === expected) return response;
    throw new Error(`${what}: ${response.status} ${(await response.text()).slice(0, 200)}`);
  }
}

function locationOf(response: Response): string {
  return response.headers.get('location') ?? '';
}

function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  return err.cause instanceof Error && err.message === 'fetch failed'
    ? `${err.message}: ${err.cause.message}`
    : err.message;
}
