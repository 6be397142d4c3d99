import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import type { ByteRange } from '../../stream/byte-source.ts';
import { headerOf, type StoreClient, type StoreRequest, type StoreResponse } from '../objects/store-client.ts';
import { StoreError } from '../objects/store-error.ts';
import { hasCode, isChanged, isNotFound } from './errors.ts';
import { type ListedBlob, type ListPage, parseListPage, quoted } from './list-page.ts';

/** The same as in distribution. */
const CONTENT_TYPE = 'application/octet-stream';
/** Between two checks of a copy that takes long. Milliseconds. */
const COPY_INTERVAL_MS = 500;
/** Metadata with the id of the upload that made a blob. */
const UPLOAD_HEADER = 'x-ms-meta-upload';

export interface StoredBlob extends ListedBlob {
  /** Id of the upload that made it. Absent unless it was created by one that required that there was none. */
  readonly upload: string | undefined;
}

export interface AzureBody {
  readonly size: number;
  readonly etag: string;
  readonly body: Readable;
  /** `Content-Range`. Absent when the response has the whole blob. */
  readonly contentRange: string | undefined;
}

export interface ListOptions {
  readonly delimiter?: '/';
  readonly maxResults?: number;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** The requests that the driver sends to its container, by the REST API of Blob Storage. */
export class AzureContainer {
  readonly #client: StoreClient;
  readonly #url: URL;

  /** @param url of the container */
  constructor(client: StoreClient, url: URL) {
    this.#client = client;
    this.#url = url;
  }

  /** @throws {Error} for a name that would lead to the container, or to another blob */
  urlOf(name: string, query: Query = {}): URL {
    const parts = name.split('/');
    if (name === '' || parts.some((part) => part === '.' || part === '..'))
      throw new Error(`no request can be for a blob with the name ${JSON.stringify(name)}`);
    const url = new URL(this.#url);
    // A name may begin with a slash.
    url.pathname = `${url.pathname}/${parts.map(encodeURIComponent).join('/')}`;
    return withQuery(url, query);
  }

  /** @returns undefined when there is none */
  async find(name: string): Promise<StoredBlob | undefined> {
    try {
      return await this.head(name);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }

  async head(name: string): Promise<StoredBlob> {
    const response = await this.#send({ method: 'HEAD', url: this.urlOf(name), promptly: true });
    await response.body.dump();
    const blob = toBlob(name, response, Number(headerOf(response, 'content-length') ?? 0));
    return { ...blob, upload: headerOf(response, UPLOAD_HEADER) };
  }

  /** The caller reads the body to its end, or destroys it. */
  async get(
    name: string,
    { range, etag, signal }: { range?: ByteRange; etag?: string; signal?: AbortSignal } = {},
  ): Promise<AzureBody> {
    const headers = {
      ...(range && { range: `bytes=${range.start}-${range.end - 1}` }),
      ...(etag !== undefined && { 'if-match': etag }),
    };
    const response = await this.#send({ method: 'GET', url: this.urlOf(name), headers, signal, promptly: true });
    const size = headerOf(response, 'content-length');
    const opened = headerOf(response, 'etag');
    if (size !== undefined && opened !== undefined) {
      const contentRange = headerOf(response, 'content-range');
      return { size: Number(size), etag: opened, body: response.body, contentRange };
    }
    response.body.destroy();
    throw new StoreError('the response has no size or no ETag', { status: undefined, code: 'InvalidResponse' });
  }

  /** Creates or replaces a blob. */
  async put(name: string, bytes: Uint8Array): Promise<void> {
    const headers = {
      'x-ms-blob-type': 'BlockBlob',
      'content-type': CONTENT_TYPE,
      'content-md5': createHash('md5').update(bytes).digest('base64'),
    };
    const url = this.urlOf(name);
    await this.#overAppendBlob(name, () => this.#finish({ method: 'PUT', url, headers, body: bytes }));
  }

  async putBlock(name: string, id: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const headers = { 'content-md5': createHash('md5').update(bytes).digest('base64') };
    const url = this.urlOf(name, { comp: 'block', blockid: id });
    await this.#overAppendBlob(name, () => this.#finish({ method: 'PUT', url, headers, body: bytes, signal }));
  }

  /** Makes a range of another blob a block. @param source with the headers that permit to read it */
  async putBlockFrom(
    name: string,
    id: string,
    {
      url: from,
      headers: permission,
      range,
    }: { url: URL; headers: Readonly<Record<string, string>>; range: ByteRange },
  ): Promise<void> {
    const url = this.urlOf(name, { comp: 'block', blockid: id });
    const headers = {
      ...permission,
      'x-ms-copy-source': from.href,
      'x-ms-source-range': `bytes=${range.start}-${range.end - 1}`,
    };
    await this.#overAppendBlob(name, () => this.#finish({ method: 'PUT', url, headers, patient: true }));
  }

  /**
   * Makes blocks that were sent the content of a blob, atomically.
   *
   * @param options.newAs fails with 409 when there is a blob; otherwise the id by which {@link find} shows who made it
   */
  async putBlockList(name: string, ids: readonly string[], { size, newAs }: { size: number; newAs?: string }) {
    const body = `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join('')}</BlockList>`;
    const headers = {
      'content-type': 'application/xml',
      'x-ms-blob-content-type': CONTENT_TYPE,
      ...(newAs !== undefined && { 'if-none-match': '*', [UPLOAD_HEADER]: newAs }),
    };
    const url = this.urlOf(name, { comp: 'blocklist' });
    return toBlob(name, await this.#finish({ method: 'PUT', url, headers, body, patient: true }), size);
  }

  async delete(name: string, { etag }: { etag?: string } = {}): Promise<void> {
    const headers = { ...(etag !== undefined && { 'if-match': etag }) };
    await this.#finish({ method: 'DELETE', url: this.urlOf(name), headers });
  }

  /** Copies a blob within the container, and waits until that is done. */
  async copy(from: string, to: string): Promise<void> {
    const source = this.urlOf(from);
    const headers = { 'x-ms-copy-source': source.href };
    const copy = () => this.#finish({ method: 'PUT', url: this.urlOf(to), headers, patient: true });
    let response = await this.#overAppendBlob(to, copy).catch((err: unknown) => this.#pendingCopy(err, source, to));
    while (headerOf(response, 'x-ms-copy-status') === 'pending') {
      await delay(COPY_INTERVAL_MS);
      response = await this.#finish({ method: 'HEAD', url: this.urlOf(to) });
    }
    const status = headerOf(response, 'x-ms-copy-status');
    if (status === 'success') return;
    throw new StoreError(`the copy ended with the status ${status}`, { status: undefined, code: 'CopyFailed' });
  }

  /** The copy that an earlier attempt started, whose response was lost. @throws {unknown} the error, without such a copy */
  async #pendingCopy(err: unknown, source: URL, to: string): Promise<StoreResponse> {
    if (!hasCode(err, 'PendingCopyOperation')) throw err;
    const response = await this.#finish({ method: 'HEAD', url: this.urlOf(to) });
    const started = headerOf(response, 'x-ms-copy-source') ?? '';
    if (!URL.canParse(started) || new URL(started).pathname !== source.pathname) throw err;
    return response;
  }

  /** All blobs with a prefix, page by page. */
  async *list(prefix: string, { delimiter, maxResults }: ListOptions = {}): AsyncGenerator<ListPage, void, void> {
    let marker: string | undefined;
    do {
      const query = {
        restype: 'container',
        comp: 'list',
        prefix: prefix || undefined,
        delimiter,
        maxresults: maxResults,
        marker,
      };
      const response = await this.#send({ method: 'GET', url: withQuery(new URL(this.#url), query), promptly: true });
      const page = parseListPage(await response.body.text());
      yield page;
      ({ marker } = page);
    } while (marker !== undefined);
  }

  /** An append blob, which distribution wrote, cannot become a block blob: it is deleted first. */
  async #overAppendBlob<T>(name: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (err) {
      if (!hasCode(err, 'InvalidBlobType')) throw err;
      await this.#deletePresent(name);
      return await write();
    }
  }

  /** Not the blob that another writer makes meanwhile. */
  async #deletePresent(name: string): Promise<void> {
    try {
      await this.delete(name, await this.head(name));
    } catch (err) {
      // Another writer deleted or replaced it, or the response to an earlier attempt was lost.
      if (!isNotFound(err) && !isChanged(err)) throw err;
    }
  }

  #send(request: StoreRequest): Promise<StoreResponse> {
    return this.#client.send(request);
  }

  async #finish(request: StoreRequest): Promise<StoreResponse> {
    const response = await this.#client.send(request);
    await response.body.dump();
    return response;
  }
}

function withQuery(url: URL, query: Query): URL {
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
  return url;
}

function toBlob(name: string, response: StoreResponse, size: number): ListedBlob {
  const modifiedAt = new Date(headerOf(response, 'last-modified') ?? 0);
  return { name, size, etag: quoted(headerOf(response, 'etag') ?? ''), modifiedAt };
}
