import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';

import type { ByteRange } from '../../stream/byte-source.ts';
import { headerOf, type StoreClient, type StoreRequest } from '../objects/store-client.ts';
import { StoreError } from '../objects/store-error.ts';
import { md5Of } from './md5.ts';
import type { GcsSettings } from './options.ts';

/** The same as in distribution. */
const CONTENT_TYPE = 'application/octet-stream';
/** Objects in which distribution keeps the state of an unfinished upload. */
const UPLOAD_SESSION = 'application/x-docker-upload-session';
const LISTED = 'items(name,size,updated,generation,contentType),prefixes,nextPageToken';

export interface GcsObject {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Number of this version, as text. */
  readonly generation: string;
  readonly modifiedAt: Date;
  /** Base64. Absent in lists, and for composed objects. */
  readonly md5: string | undefined;
}

/** State of a resumable upload. */
export interface UploadStatus {
  /** Bytes that the store has. */
  readonly persisted: number;
  /** Absent until the upload is finished. */
  readonly object: GcsObject | undefined;
}

export interface GcsBody {
  readonly size: number;
  readonly generation: string;
  readonly body: Readable;
  /** `Content-Range`. Absent when the response has the whole object. */
  readonly contentRange: string | undefined;
}

export interface GcsPage {
  readonly objects: readonly GcsObject[];
  /** Names of all objects, also of those that are not files. */
  readonly all: readonly string[];
  readonly prefixes: readonly string[];
}

export interface ListOptions {
  readonly delimiter?: '/';
  readonly maxResults?: number;
  /** Only names from this one on. */
  readonly startOffset?: string;
}

interface Resource {
  readonly name: string;
  readonly size?: string;
  readonly generation: string;
  readonly updated?: string;
  readonly contentType?: string;
  readonly md5Hash?: string;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** The requests that the driver sends to its bucket, by Cloud Storage's JSON API. */
export class GcsBucket {
  readonly #client: StoreClient;
  readonly #endpoint: URL;
  readonly name: string;

  constructor(client: StoreClient, { endpoint, bucket }: Pick<GcsSettings, 'endpoint' | 'bucket'>) {
    this.#client = client;
    this.#endpoint = new URL(endpoint);
    this.name = bucket;
  }

  /** @returns undefined for the state of an upload of distribution's, which is not a file */
  async stat(name: string): Promise<GcsObject | undefined> {
    const url = this.#url(`/storage/v1${this.#objectPath(name)}`);
    const resource = await this.#json<Resource>({ method: 'GET', url, promptly: true });
    return isFile(resource) ? toObject(resource) : undefined;
  }

  /**
   * The caller reads the body to its end, or destroys it.
   *
   * @returns undefined like {@link stat}
   */
  async get(
    name: string,
    { range, generation, signal }: { range?: ByteRange; generation?: string; signal?: AbortSignal } = {},
  ): Promise<GcsBody | undefined> {
    const url = this.#url(`/storage/v1${this.#objectPath(name)}`, {
      alt: 'media',
      generation,
      ifGenerationMatch: generation,
    });
    const headers = { ...(range && { range: `bytes=${range.start}-${range.end - 1}` }) };
    const response = await this.#client.send({ method: 'GET', url, headers, signal, promptly: true });
    if (headerOf(response, 'content-type') === UPLOAD_SESSION) {
      response.body.destroy();
      return undefined;
    }
    const size = headerOf(response, 'content-length');
    const opened = headerOf(response, 'x-goog-generation');
    if (size !== undefined && opened !== undefined) {
      const contentRange = headerOf(response, 'content-range');
      return { size: Number(size), generation: opened, body: response.body, contentRange };
    }
    response.body.destroy();
    throw new StoreError('the response has no size or no generation', { status: undefined, code: 'InvalidResponse' });
  }

  /** Creates or replaces an object. @param options.ifAbsent fails with 412 when there is one */
  async put(name: string, bytes: Uint8Array, { ifAbsent = false } = {}): Promise<GcsObject> {
    // Not known before, so that no bytes can contain it.
    const boundary = randomUUID();
    const metadata = { name, contentType: CONTENT_TYPE, md5Hash: md5Of(bytes) };
    const body = Buffer.concat([
      Buffer.from(`--${boundary}\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n`),
      Buffer.from(`--${boundary}\r\ncontent-type: ${CONTENT_TYPE}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const url = this.#uploadUrl({ uploadType: 'multipart', ifGenerationMatch: ifAbsent ? 0 : undefined });
    const headers = { 'content-type': `multipart/related; boundary=${boundary}` };
    return toObject(await this.#json<Resource>({ method: 'POST', url, headers, body }));
  }

  /** @returns the URL to which the chunks are sent */
  async startUpload(name: string, { ifAbsent = false } = {}): Promise<URL> {
    const url = this.#uploadUrl({ uploadType: 'resumable', name, ifGenerationMatch: ifAbsent ? 0 : undefined });
    const response = await this.#client.send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', 'x-upload-content-type': CONTENT_TYPE },
      body: JSON.stringify({ contentType: CONTENT_TYPE }),
    });
    await response.body.dump();
    const location = headerOf(response, 'location');
    if (location === undefined) throw new Error('the response has no location of the upload');
    return new URL(location);
  }

  /** A request of a resumable upload; sent once. */
  async sendToUpload(
    url: URL,
    contentRange: string,
    { body = Buffer.alloc(0), headers }: Pick<StoreRequest, 'headers'> & { readonly body?: Uint8Array } = {},
  ): Promise<UploadStatus> {
    const sent = { ...headers, 'content-range': contentRange };
    const response = await this.#client.send({ method: 'PUT', url, headers: sent, body, once: true });
    const text = await response.body.text();
    if (response.status !== 308) return { persisted: 0, object: toObject(parseJson(text) as Resource) };
    const [, last] = /^bytes=0-(\d+)$/.exec(headerOf(response, 'range') ?? '') ?? [];
    return { persisted: last === undefined ? 0 : Number(last) + 1, object: undefined };
  }

  async cancelUpload(url: URL): Promise<void> {
    // Cancelled uploads are confirmed by status 499.
    await this.#client.send({ method: 'DELETE', url, once: true }).catch(() => {});
  }

  async delete(name: string, { generation }: { generation?: string } = {}): Promise<void> {
    const url = this.#url(`/storage/v1${this.#objectPath(name)}`, { ifGenerationMatch: generation });
    await this.#client.text({ method: 'DELETE', url });
  }

  /** Copies an object; large ones to another place or storage class need several requests. */
  async copy({ name, generation }: Pick<GcsObject, 'name' | 'generation'>, to: string): Promise<void> {
    const path = `/storage/v1${this.#objectPath(name)}/rewriteTo${this.#objectPath(to)}`;
    let rewriteToken: string | undefined;
    do {
      const url = this.#url(path, { rewriteToken, sourceGeneration: generation });
      const body = JSON.stringify({ contentType: CONTENT_TYPE });
      const headers = { 'content-type': 'application/json' };
      const result = await this.#json<{ done?: boolean; rewriteToken?: string }>({
        method: 'POST',
        url,
        headers,
        body,
        patient: true,
      });
      rewriteToken = result.done === false ? result.rewriteToken : undefined;
    } while (rewriteToken !== undefined);
  }

  /** Concatenates up to 32 objects to one, which replaces the target atomically. */
  async compose(sources: readonly Pick<GcsObject, 'name' | 'generation'>[], to: string): Promise<GcsObject> {
    const url = this.#url(`/storage/v1${this.#objectPath(to)}/compose`);
    const body = JSON.stringify({
      sourceObjects: sources.map(({ name, generation }) => ({ name, generation })),
      destination: { contentType: CONTENT_TYPE },
    });
    const headers = { 'content-type': 'application/json' };
    return toObject(await this.#json<Resource>({ method: 'POST', url, headers, body, patient: true }));
  }

  /** All objects with a prefix, page by page. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<GcsPage, void, void> {
    let pageToken: string | undefined;
    do {
      const url = this.#url(`/storage/v1/b/${encode(this.name)}/o`, { ...options, prefix, pageToken, fields: LISTED });
      const page = await this.#json<{ items?: Resource[]; prefixes?: string[]; nextPageToken?: string }>({
        method: 'GET',
        url,
        promptly: true,
      });
      const { items = [], prefixes = [] } = page;
      yield { objects: items.filter(isFile).map(toObject), all: items.map(({ name }) => name), prefixes };
      pageToken = page.nextPageToken || undefined;
    } while (pageToken !== undefined);
  }

  async #json<T>(request: StoreRequest): Promise<T> {
    return parseJson(await this.#client.text(request)) as T;
  }

  /** @throws {Error} for a name that would lead to the bucket, which no object can have */
  #objectPath(name: string): string {
    if (name === '' || name === '.' || name === '..')
      throw new Error(`no request can be for an object with the name ${JSON.stringify(name)}`);
    return `/b/${encode(this.name)}/o/${encode(name)}`;
  }

  #uploadUrl(query: Query): URL {
    return this.#url(`/upload/storage/v1/b/${encode(this.name)}/o`, query);
  }

  #url(path: string, query: Query = {}): URL {
    const url = new URL(path, this.#endpoint);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') url.searchParams.set(key, String(value));
    }
    return url;
  }
}

const encode = encodeURIComponent;

function isFile({ contentType }: Resource): boolean {
  return contentType !== UPLOAD_SESSION;
}

function toObject({ name, size, generation, updated, md5Hash }: Resource): GcsObject {
  return { name, size: Number(size ?? 0), generation, modifiedAt: new Date(updated ?? 0), md5: md5Hash };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StoreError('the response is not JSON', { status: undefined, code: 'InvalidResponse' });
  }
}
