import { readFile, rm, stat } from 'node:fs/promises';

import type { ByteSource } from '../../stream/byte-source.ts';
import {
  type Adoption,
  checkPath,
  checkPathBelowRoot,
  type FileInfo,
  FileTooLargeError,
  isPath,
  PathNotFoundError,
  type RedirectRequest,
  type StorageDriver,
} from '../driver.ts';
import { forEachAtOnce } from '../objects/at-once.ts';
import { ObjectKeys } from '../objects/keys.ts';
import { inNameOrder } from '../objects/name-order.ts';
import { PartBuffers } from '../objects/part-buffers.ts';
import { readWhole } from '../objects/read-whole.ts';
import { StoreClient } from '../objects/store-client.ts';
import { AccessTokens } from './access-tokens.ts';
import { GcsBucket, type GcsObject, type GcsPage } from './bucket.ts';
import { type GcsCredentials, loadCredentials } from './credentials.ts';
import { isNotFound, parseGcsError, toStorageError } from './errors.ts';
import { FileUpload } from './file-upload.ts';
import { type GcsOptions, type GcsSettings, withDefaults } from './options.ts';
import { encodeStrictly, UrlSigner } from './signer.ts';
import { createGcsSource } from './source.ts';
import { GcsStaging } from './staging.ts';

const NAME = 'gcs';
/** Validity of redirect URLs, the same as in distribution. */
const SIGNED_URL_SECONDS = 20 * 60;
/** In a response, as Cloud Storage limits it. */
const MAX_RESULTS = 1_000;
/** Deletes in progress. */
const MAX_CONCURRENT = 16;
/** Cloud Storage's limit. Bytes. */
const MAX_NAME_BYTES = 1024;

/** Options of {@link createGcsDriver}. */
export interface GcsDriverOptions extends GcsOptions {
  /** Called once, when URLs for redirects cannot be signed. */
  readonly onUnsigned?: ((reason: string) => void) | undefined;
}

/**
 * A driver that stores files as objects in a bucket of Google Cloud Storage, with distribution's names. It sends requests
 * only when it is used.
 *
 * @throws {Error} when the credentials cannot be read, or are of an unsupported type
 */
export async function createGcsDriver({ onUnsigned, ...options }: GcsDriverOptions): Promise<StorageDriver> {
  const credentials = await loadCredentials(options.credentials);
  return new GcsDriver(withDefaults(options), { credentials, onUnsigned: onUnsigned ?? (() => {}) });
}

class GcsDriver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly staging: GcsStaging;
  readonly #settings: GcsSettings;
  readonly #tokens: AccessTokens;
  readonly #client: StoreClient;
  readonly #signer: UrlSigner;
  readonly #bucket: GcsBucket;
  readonly #keys: ObjectKeys;
  readonly #buffers = new PartBuffers();

  constructor(
    settings: GcsSettings,
    { credentials, onUnsigned }: { credentials: GcsCredentials; onUnsigned: (reason: string) => void },
  ) {
    const { endpoint, iamEndpoint, userAgent, chunkBytes } = settings;
    this.#settings = settings;
    const tokens = new AccessTokens(credentials);
    this.#tokens = tokens;
    const trusted = new Set([endpoint, iamEndpoint].map((url) => new URL(url).origin));
    this.#client = new StoreClient({
      userAgent,
      authorize: ({ url }, fresh) => (trusted.has(url.origin) ? tokens.headers(fresh) : {}),
      parseError: parseGcsError,
    });
    this.#signer = new UrlSigner({ credentials, tokens, client: this.#client, iamEndpoint, onUnsigned });
    this.#bucket = new GcsBucket(this.#client, settings);
    this.#keys = new ObjectKeys(settings.rootDirectory);
    this.staging = new GcsStaging({
      bucket: this.#bucket,
      chunkBytes,
      buffers: this.#buffers,
      keyOf: (path) => this.#writtenKey(path),
    });
  }

  async stat(path: string): Promise<FileInfo> {
    checkPath(NAME, path);
    const file = path === '/' ? undefined : await this.#find(path);
    if (file) return { isDirectory: false, size: file.size, modifiedAt: file.modifiedAt };
    const [first] = await this.#someBelow(path);
    if (!first && path !== '/') throw new PathNotFoundError(NAME, path);
    return { isDirectory: true, size: 0, modifiedAt: first?.modifiedAt ?? new Date(0) };
  }

  async open(path: string): Promise<ByteSource> {
    const name = this.#fileKey(path);
    const opened = await this.#readFrom(path, this.#bucket.get(name));
    return createGcsSource({ bucket: this.#bucket, name, path, opened });
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    const source = await this.open(path);
    try {
      if (source.size > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
      return await readWhole(source);
    } finally {
      await source.close();
    }
  }

  async writeSmall(path: string, bytes: Uint8Array): Promise<void> {
    await this.#translated('writing', path, this.#bucket.put(this.#writtenKey(path), bytes));
  }

  async adopt(localFile: string, path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    const { size } = await stat(localFile);
    const adoption = this.startAdoption(localFile, path, { size });
    if (adoption) {
      adoption.available(size);
      await adoption.finish();
      return;
    }
    await this.writeSmall(path, await readFile(localFile));
    await rm(localFile, { force: true });
  }

  startAdoption(localFile: string, path: string, { size }: { readonly size: number }): Adoption | undefined {
    const name = this.#writtenKey(path);
    const { chunkBytes } = this.#settings;
    if (size <= chunkBytes) return undefined;
    const upload = new FileUpload({ bucket: this.#bucket, name, localFile, size, chunkBytes, buffers: this.#buffers });
    return {
      available: (bytes) => upload.available(bytes),
      finish: async () => {
        await this.#translated('uploading', path, upload.finish());
        await rm(localFile, { force: true });
      },
      abort: () => upload.abort(),
    };
  }

  async list(path: string): Promise<string[]> {
    checkPath(NAME, path);
    const names = new Set<string>();
    const prefix = this.#keys.prefixOf(path);
    for await (const page of this.#pages(path, { delimiter: '/' })) {
      for (const key of keysOn(page)) names.add(key.slice(prefix.length).replace(/\/$/, ''));
    }
    if (names.size === 0 && path !== '/') throw new PathNotFoundError(NAME, path);
    return [...names].filter(isName).sort();
  }

  async *listAfter(path: string, after: string, { about }: { readonly about: number }) {
    checkPath(NAME, path);
    // A beginning of the text, so that nothing is sent to the store that a name cannot be.
    const [start = ''] = /^[A-Za-z0-9._:@+-]{0,200}/.exec(after) ?? [];
    const keys = this.#keysAfter(path, start, { maxResults: Math.min(about + 2, MAX_RESULTS) });
    const hasDirectory = async (name: string) =>
      (await this.#someBelow(`${path === '/' ? '' : path}/${name}`)).length > 0;
    for await (const names of inNameOrder(keys, { after: start, hasDirectory })) {
      yield names.filter((name) => name > after && isName(name));
    }
  }

  /** Keys below a directory up to their first `/`, in their order. */
  async *#keysAfter(path: string, start: string, { maxResults }: { readonly maxResults: number }) {
    const prefix = this.#keys.prefixOf(path);
    const startOffset = start === '' ? {} : { startOffset: `${prefix}${start}` };
    for await (const page of this.#pages(path, { delimiter: '/', maxResults, ...startOffset })) {
      yield keysOn(page)
        .map((key) => key.slice(prefix.length))
        .sort();
    }
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#writtenKey(from), this.#writtenKey(to)];
    const file = await this.#find(from);
    if (!file) throw new PathNotFoundError(NAME, from);
    if (from === to) return;
    await this.#readFrom(
      from,
      this.#bucket.copy(file, target).then(() => true),
    );
    await this.#translated('deleting', from, this.#deleteAll([source]));
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    for await (const { all } of this.#pages(path)) await this.#translated('deleting', path, this.#deleteAll(all));
    await this.#translated('deleting', path, this.#deleteAll([this.#keys.keyOf(path)]));
  }

  /** Objects have no directories, so there is nothing to remove. */
  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    return (await this.#someBelow(path)).length === 0 && (await this.#find(path)) === undefined;
  }

  async redirectUrl(path: string, { method }: RedirectRequest): Promise<string | undefined> {
    const { endpoint, bucket } = this.#settings;
    const parts = [bucket, ...this.#fileKey(path).split('/')];
    const url = new URL(`/${parts.map(encodeStrictly).join('/')}`, endpoint);
    const signing = this.#signer.sign({ method, url, seconds: SIGNED_URL_SECONDS });
    return (await this.#translated('signing a URL for', path, signing))?.href;
  }

  objectKey(path: string): string {
    return this.#keys.keyOf(path);
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#tokens.close()]);
  }

  async *#pages(path: string, options: Parameters<GcsBucket['list']>[1] = {}): AsyncGenerator<GcsPage, void, void> {
    try {
      yield* this.#bucket.list(this.#keys.prefixOf(path), options);
    } catch (err) {
      throw toStorageError(err, `listing ${path}`);
    }
  }

  /** The first object below a directory, if there is one. */
  async #someBelow(path: string): Promise<readonly GcsObject[]> {
    for await (const { objects } of this.#pages(path, { maxResults: 1 })) if (objects.length > 0) return objects;
    return [];
  }

  async #find(path: string): Promise<GcsObject | undefined> {
    const name = this.#keys.keyOf(path);
    if (isTooLong(name)) return undefined;
    try {
      return await this.#bucket.stat(name);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw toStorageError(err, `checking ${path}`);
    }
  }

  async #deleteAll(names: readonly string[]): Promise<void> {
    await forEachAtOnce(names, MAX_CONCURRENT, (name) =>
      this.#bucket.delete(name).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
      }),
    );
  }

  /** @throws {PathNotFoundError} */
  async #readFrom<T>(path: string, work: Promise<T | undefined>): Promise<T> {
    let result: T | undefined;
    try {
      result = await work;
    } catch (err) {
      if (!isNotFound(err)) throw toStorageError(err, `reading ${path}`);
    }
    if (result === undefined) throw new PathNotFoundError(NAME, path);
    return result;
  }

  async #translated<T>(operation: string, path: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw toStorageError(err, `${operation} ${path}`);
    }
  }

  #fileKey(path: string): string {
    checkPath(NAME, path);
    const key = this.#keys.keyOf(path);
    if (path === '/' || isTooLong(key)) throw new PathNotFoundError(NAME, path);
    return key;
  }

  #writtenKey(path: string): string {
    checkPathBelowRoot(NAME, path);
    return this.#keys.keyOf(path);
  }
}

function keysOn({ objects, prefixes }: GcsPage): string[] {
  return [...objects.map(({ name }) => name), ...prefixes];
}

/** Other programs may create objects whose names are not valid in paths; some tools create one for the directory itself. */
function isName(name: string): boolean {
  return name !== '' && isPath(`/${name}`);
}

/** An object whose name is too long cannot exist. */
function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > MAX_NAME_BYTES;
}
