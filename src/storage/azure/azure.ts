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
  type StorageDriver,
} from '../driver.ts';
import type { AccessToken } from '../objects/access-token.ts';
import { forEachAtOnce } from '../objects/at-once.ts';
import { ObjectKeys } from '../objects/keys.ts';
import { PartBuffers } from '../objects/part-buffers.ts';
import { PieceStaging } from '../objects/piece-staging.ts';
import { readWhole } from '../objects/read-whole.ts';
import { StoreClient } from '../objects/store-client.ts';
import { createAzureToken } from './azure-token.ts';
import { AzureContainer, type ListOptions } from './container.ts';
import { isNotFound, parseAzureError, toStorageError } from './errors.ts';
import { FileUpload } from './file-upload.ts';
import type { ListedBlob, ListPage } from './list-page.ts';
import { type AzureOptions, type AzureSettings, withDefaults } from './options.ts';
import { AzurePieces } from './pieces.ts';
import { API_VERSION, signRequest } from './shared-key.ts';
import { UrlSigner } from './signer.ts';
import { createAzureSource } from './source.ts';

const NAME = 'azure';
/** Validity of redirect URLs, the same as in distribution. Milliseconds. */
const SIGNED_URL_MS = 20 * 60_000;
/** Deletes in progress. */
const MAX_CONCURRENT = 16;
/** Azure's limits for a name, and for a part of it. */
const MAX_NAME = 1024;
const MAX_SEGMENT = 254;

/** Options of {@link createAzureDriver}. */
export interface AzureDriverOptions extends AzureOptions {
  /** Called once, when URLs for redirects cannot be signed. */
  readonly onUnsigned?: ((reason: string) => void) | undefined;
}

/**
 * A driver that stores files as blobs in a container of Azure Blob Storage, with distribution's names. It sends requests
 * only when it is used.
 */
export function createAzureDriver({ onUnsigned, ...options }: AzureDriverOptions): StorageDriver {
  return new AzureDriver(withDefaults(options), onUnsigned ?? (() => {}));
}

class AzureDriver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly staging: PieceStaging;
  readonly #settings: AzureSettings;
  readonly #tokens: AccessToken | undefined;
  readonly #client: StoreClient;
  readonly #signer: UrlSigner;
  readonly #container: AzureContainer;
  readonly #keys: ObjectKeys;
  readonly #buffers = new PartBuffers();

  constructor(settings: AzureSettings, onUnsigned: (reason: string) => void) {
    const { account, container: name, credentials, serviceUrl, blockBytes } = settings;
    this.#settings = settings;
    const tokens = credentials.kind === 'shared_key' ? undefined : createAzureToken(credentials);
    const key = { account, key: credentials.kind === 'shared_key' ? credentials.key : '' };
    this.#tokens = tokens;
    this.#client = new StoreClient({
      authorize: (request, fresh) => (tokens ? bearer(tokens, fresh) : signRequest(request, key)),
      parseError: parseAzureError,
    });
    const url = serviceUrl.replace(/\/+$/, '');
    this.#container = new AzureContainer(this.#client, new URL(`${url}/${name}`));
    const authorization = tokens ? { tokens } : { key };
    const parts = { account, container: name, serviceUrl, authorization, client: this.#client, onUnsigned };
    this.#signer = new UrlSigner(parts);
    this.#keys = new ObjectKeys(settings.rootDirectory);
    const [container, buffers, signer] = [this.#container, this.#buffers, this.#signer];
    const keyOf = (path: string) => this.#writtenName(path);
    this.staging = new PieceStaging(new AzurePieces({ container, buffers, signer, blockBytes, keyOf }));
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
    const name = this.#fileName(path);
    const opened = await this.#readFrom(path, this.#container.get(name));
    return createAzureSource({ container: this.#container, name, path, opened });
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
    await this.#translated('writing', path, this.#container.put(this.#writtenName(path), bytes));
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
    const name = this.#writtenName(path);
    const { blockBytes } = this.#settings;
    if (size <= blockBytes) return undefined;
    const [container, buffers] = [this.#container, this.#buffers];
    const upload = new FileUpload({ container, name, localFile, size, blockBytes, buffers });
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
    const prefix = this.#prefixOf(path);
    for await (const page of this.#pages(path, { delimiter: '/' })) {
      for (const key of namesOn(page)) names.add(key.slice(prefix.length).replace(/\/$/, ''));
    }
    if (names.size === 0 && path !== '/') throw new PathNotFoundError(NAME, path);
    return [...names].filter(isName).sort();
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#writtenName(from), this.#writtenName(to)];
    const file = await this.#find(from);
    if (!file) throw new PathNotFoundError(NAME, from);
    if (from === to) return;
    await this.#readFrom(from, this.#container.copy(source, target));
    await this.#translated('deleting', from, this.#deleteAll([source]));
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    for await (const { blobs } of this.#pages(path)) {
      const names = blobs.map((blob) => blob.name);
      await this.#translated('deleting', path, this.#deleteAll(names));
    }
    await this.#translated('deleting', path, this.#deleteAll([this.#nameOf(path)]));
  }

  /** Objects have no directories, so there is nothing to remove. */
  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    return (await this.#someBelow(path)).length === 0 && (await this.#find(path)) === undefined;
  }

  /** The URL serves GET and HEAD. */
  async redirectUrl(path: string): Promise<string | undefined> {
    const name = this.#fileName(path);
    const signing = this.#signer.sign(this.#container.urlOf(name), name, SIGNED_URL_MS);
    return (await this.#translated('signing a URL for', path, signing))?.href;
  }

  objectKey(path: string): string {
    return this.#nameOf(path);
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#tokens?.close()]);
  }

  async *#pages(path: string, options: ListOptions = {}): AsyncGenerator<ListPage, void, void> {
    try {
      yield* this.#container.list(this.#prefixOf(path), options);
    } catch (err) {
      throw toStorageError(err, `listing ${path}`);
    }
  }

  /** The first object below a directory, if there is one. */
  async #someBelow(path: string): Promise<readonly ListedBlob[]> {
    for await (const { blobs } of this.#pages(path, { maxResults: 1 })) if (blobs.length > 0) return blobs;
    return [];
  }

  async #find(path: string): Promise<ListedBlob | undefined> {
    const name = this.#nameOf(path);
    if (isTooLong(name)) return undefined;
    try {
      return await this.#container.find(name);
    } catch (err) {
      throw toStorageError(err, `checking ${path}`);
    }
  }

  async #deleteAll(names: readonly string[]): Promise<void> {
    await forEachAtOnce(names, MAX_CONCURRENT, (name) =>
      this.#container.delete(name).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
      }),
    );
  }

  /** @throws {PathNotFoundError} */
  async #readFrom<T>(path: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw isNotFound(err) ? new PathNotFoundError(NAME, path) : toStorageError(err, `reading ${path}`);
    }
  }

  async #translated<T>(operation: string, path: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw toStorageError(err, `${operation} ${path}`);
    }
  }

  #fileName(path: string): string {
    checkPath(NAME, path);
    const key = this.#nameOf(path);
    if (path === '/' || isTooLong(key)) throw new PathNotFoundError(NAME, path);
    return key;
  }

  #writtenName(path: string): string {
    checkPathBelowRoot(NAME, path);
    return this.#nameOf(path);
  }

  #nameOf(path: string): string {
    return `${this.#settings.hasLeadingSlash ? '/' : ''}${this.#keys.keyOf(path)}`;
  }

  #prefixOf(path: string): string {
    return `${this.#settings.hasLeadingSlash ? '/' : ''}${this.#keys.prefixOf(path)}`;
  }
}

async function bearer(tokens: AccessToken, options: { readonly fresh: boolean }): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokens.get(options)}`, 'x-ms-version': API_VERSION };
}

function namesOn({ blobs, prefixes }: ListPage): string[] {
  return [...blobs.map(({ name }) => name), ...prefixes];
}

/** Other programs may create blobs whose names are not valid in paths. */
function isName(name: string): boolean {
  return name !== '' && isPath(`/${name}`);
}

/** A blob whose name is too long cannot exist. */
function isTooLong(name: string): boolean {
  return name.length > MAX_NAME || name.split('/').some((part) => part.length > MAX_SEGMENT);
}
