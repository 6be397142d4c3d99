import { readFile, rm, stat } from 'node:fs/promises';
import {
  GetObjectCommand,
  HeadObjectCommand,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

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
  type RedirectRequest,
} from '../driver.ts';
import { readWhole } from '../objects/read-whole.ts';
import { AbandonedUploads } from './abandoned.ts';
import { type ListOptions, S3Bucket } from './bucket.ts';
import { createPatientS3Client, createS3Client, createSigningClient } from './client.ts';
import { copyObject } from './copy.ts';
import { S3Deleter } from './delete.ts';
import { isNotFound, toStorageError } from './errors.ts';
import { ObjectKeys } from '../objects/keys.ts';
import { inNameOrder } from '../objects/name-order.ts';
import { type S3Options, type S3Settings, withDefaults } from './options.ts';
import { PartBuffers } from '../objects/part-buffers.ts';
import { type S3Request, S3Sender } from './sender.ts';
import { createS3Source } from './source.ts';
import { S3Staging } from './staging.ts';
import { S3Upload } from './upload.ts';

const NAME = 's3';
/** Validity of redirect URLs, the same as in distribution. */
const SIGNED_URL_SECONDS = 20 * 60;

/** In a response, as S3 limits it. */
const MAX_KEYS = 1_000;

/** Options of {@link createS3Driver}. */
export interface S3DriverOptions extends S3Options {
  /** Called after each request, including its retries. */
  readonly onRequest?: ((request: S3Request) => void) | undefined;
  /** Called after abandoned multipart uploads were removed. */
  readonly onAbandonedRemoved?: ((count: number) => void) | undefined;
  /** Called when an operation in the background fails. */
  readonly onBackgroundError?: ((error: Error) => void) | undefined;
}

/**
 * A driver that stores files as objects in a bucket of S3, or of an S3-compatible store, with distribution's keys. It
 * starts to remove abandoned multipart uploads at once, in the background; otherwise it sends requests only when it is used.
 *
 * @throws {Error} when the CA file cannot be read
 */
export function createS3Driver(options: S3DriverOptions): StorageDriver {
  return new S3Driver(options);
}

class S3Driver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly staging: S3Staging;
  readonly #settings: S3Settings;
  readonly #clients: readonly S3Client[];
  readonly #signer: S3Client;
  readonly #bucket: S3Bucket;
  readonly #deleter: S3Deleter;
  readonly #keys: ObjectKeys;
  readonly #buffers = new PartBuffers();
  readonly #running = new Set<string>();
  readonly #abandoned: AbandonedUploads;

  constructor({ onRequest, onAbandonedRemoved, onBackgroundError, ...options }: S3DriverOptions) {
    const settings = withDefaults(options);
    this.#settings = settings;
    const client = createS3Client(settings);
    const patientClient = createPatientS3Client(settings);
    this.#signer = createSigningClient(settings);
    this.#clients = [client, patientClient, this.#signer];
    const canRefresh = settings.credentials === undefined;
    const sender = new S3Sender({ client, patientClient, canRefresh, onRequest });
    this.#bucket = new S3Bucket(sender, settings);
    this.#deleter = new S3Deleter(this.#bucket);
    this.#keys = new ObjectKeys(settings.rootDirectory);
    this.staging = new S3Staging({
      bucket: this.#bucket,
      settings,
      buffers: this.#buffers,
      running: this.#running,
      keyOf: (path) => {
        checkPathBelowRoot(NAME, path);
        return this.#keys.keyOf(path);
      },
    });
    this.#abandoned = new AbandonedUploads({
      bucket: this.#bucket,
      prefix: this.#keys.prefixOf('/'),
      abandonedAfterMs: settings.abandonedAfterMs,
      running: this.#running,
      onRemoved: (count) => onAbandonedRemoved?.(count),
      onFailed: (err) => onBackgroundError?.(toStorageError(err, 'listing abandoned uploads')),
    });
  }

  async stat(path: string): Promise<FileInfo> {
    checkPath(NAME, path);
    const file = path === '/' ? undefined : await this.#head(path);
    if (file) return { isDirectory: false, size: file.size, modifiedAt: file.modifiedAt };
    const below = await this.#translated('listing', path, this.#bucket.list(this.#keys.prefixOf(path), { maxKeys: 1 }));
    const [first] = below.Contents ?? [];
    if (!first && path !== '/') throw new PathNotFoundError(NAME, path);
    return { isDirectory: true, size: 0, modifiedAt: first?.LastModified ?? new Date(0) };
  }

  async open(path: string): Promise<ByteSource> {
    const key = this.#fileKey(path);
    const opened = await this.#readFrom(path, this.#bucket.get(key));
    return createS3Source({ bucket: this.#bucket, key, path, opened });
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
    checkPathBelowRoot(NAME, path);
    // Copies the bytes: retries send them again, and the caller may change its buffer.
    await this.#translated('writing', path, this.#bucket.put(this.#keys.keyOf(path), Buffer.from(bytes)));
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
    await this.#translated('writing', path, this.#bucket.put(this.#keys.keyOf(path), await readFile(localFile)));
    await rm(localFile, { force: true });
  }

  startAdoption(localFile: string, path: string, { size }: { readonly size: number }): Adoption | undefined {
    checkPathBelowRoot(NAME, path);
    const { chunkBytes } = this.#settings;
    if (size <= chunkBytes) return undefined;
    const upload = new S3Upload({
      bucket: this.#bucket,
      key: this.#keys.keyOf(path),
      localFile,
      size,
      chunkBytes,
      buffers: this.#buffers,
      running: this.#running,
    });
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
    const keys = this.#keysAfter(path, start, { maxKeys: Math.min(about + 2, MAX_KEYS) });
    const hasDirectory = (name: string) => this.#hasKeyBelow(path, name);
    for await (const names of inNameOrder(keys, { after: start, hasDirectory })) {
      yield names.filter((name) => name > after && isName(name));
    }
  }

  /** Keys below a directory up to their first `/`, in their order. */
  async *#keysAfter(path: string, start: string, { maxKeys }: { readonly maxKeys: number }) {
    const prefix = this.#keys.prefixOf(path);
    const options = { delimiter: '/', after: `${prefix}${start}`, maxKeys } as const;
    for await (const page of this.#pages(path, options))
      yield keysOn(page)
        .map((key) => key.slice(prefix.length))
        .sort();
  }

  async #hasKeyBelow(path: string, name: string): Promise<boolean> {
    const prefix = this.#keys.prefixOf(path === '/' ? `/${name}` : `${path}/${name}`);
    const { Contents = [] } = await this.#translated('listing', path, this.#bucket.list(prefix, { maxKeys: 1 }));
    return Contents.length > 0;
  }

  async move(from: string, to: string): Promise<void> {
    for (const path of [from, to]) checkPathBelowRoot(NAME, path);
    const file = await this.#head(from);
    if (!file) throw new PathNotFoundError(NAME, from);
    if (from === to) return;
    const [source, target] = [this.#keys.keyOf(from), this.#keys.keyOf(to)];
    const copying = copyObject(this.#bucket, {
      from: source,
      to: target,
      size: file.size,
      limits: this.#settings.copy,
    });
    await this.#readFrom(from, copying);
    await this.#translated('deleting', from, this.#deleter.delete(source));
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    for await (const { Contents = [] } of this.#pages(path)) {
      const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      await this.#translated('deleting', path, this.#deleter.deleteAll(keys));
    }
    await this.#translated('deleting', path, this.#deleter.delete(this.#keys.keyOf(path)));
  }

  /** Objects have no directories, so there is nothing to remove. */
  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    const list = (prefix: string) => this.#translated('listing', path, this.#bucket.list(prefix, { maxKeys: 1 }));
    const { Contents = [] } = await list(this.#keys.prefixOf(path));
    return Contents.length === 0 && (await this.#head(path)) === undefined;
  }

  async redirectUrl(path: string, { method }: RedirectRequest): Promise<string> {
    const input = { Bucket: this.#settings.bucket, Key: this.#fileKey(path) };
    const options = { expiresIn: SIGNED_URL_SECONDS };
    const signing =
      method === 'GET'
        ? getSignedUrl(this.#signer, new GetObjectCommand(input), options)
        : getSignedUrl(this.#signer, new HeadObjectCommand(input), options);
    return await this.#translated('signing a URL for', path, signing);
  }

  objectKey(path: string): string {
    return this.#keys.keyOf(path);
  }

  async close(): Promise<void> {
    this.#abandoned.stop();
    for (const client of this.#clients) client.destroy();
  }

  async *#pages(path: string, options: Omit<ListOptions, 'continuation'> = {}) {
    const prefix = this.#keys.prefixOf(path);
    let continuation: string | undefined;
    do {
      const page = await this.#translated('listing', path, this.#bucket.list(prefix, { ...options, continuation }));
      yield page;
      continuation = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (continuation !== undefined);
  }

  async #head(path: string) {
    try {
      return await this.#bucket.head(this.#keys.keyOf(path));
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw toStorageError(err, `checking ${path}`);
    }
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

  #fileKey(path: string): string {
    checkPath(NAME, path);
    if (path === '/') throw new PathNotFoundError(NAME, path);
    return this.#keys.keyOf(path);
  }
}

function keysOn({ Contents = [], CommonPrefixes = [] }: ListObjectsV2CommandOutput): string[] {
  return [...Contents.map(({ Key }) => Key), ...CommonPrefixes.map((it) => it.Prefix)].map((key) => key ?? '');
}

/** Other programs may create objects whose names are not valid in paths; some tools create one for the directory itself. */
function isName(name: string): boolean {
  return name !== '' && isPath(`/${name}`);
}
