import { readFile, rm, stat } from 'node:fs/promises';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

import type { S3Config } from '../../config/config.ts';
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
import { PartBuffers } from './part-buffers.ts';
import { AbandonedUploads } from './abandoned.ts';
import { S3Bucket } from './bucket.ts';
import { createPatientS3Client, createS3Client, createSigningClient } from './client.ts';
import { copyObject } from './copy.ts';
import { S3Deleter } from './delete.ts';
import { isNotFound, toStorageError } from './errors.ts';
import { S3Keys } from './keys.ts';
import { type S3Request, S3Sender } from './sender.ts';
import { S3Source } from './source.ts';
import { S3Staging } from './staging.ts';
import { S3Upload } from './upload.ts';

const NAME = 's3';
/** As distribution. Seconds. */
const SIGNED_URL_SECONDS = 20 * 60;

export interface S3DriverOptions {
  readonly config: S3Config;
  readonly onRequest?: ((request: S3Request) => void) | undefined;
  /** Uploads that nobody finished have been removed. */
  readonly onAbandonedRemoved?: ((count: number) => void) | undefined;
  /** Something failed that nobody waits for. */
  readonly onBackgroundError?: ((error: Error) => void) | undefined;
}

/** Objects in a bucket of S3, or of a store that speaks its language. Contacts it only when asked to. */
export function createS3Driver(options: S3DriverOptions): StorageDriver {
  return new S3Driver(options);
}

class S3Driver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly staging: S3Staging;
  readonly #config: S3Config;
  readonly #clients: readonly S3Client[];
  readonly #signer: S3Client;
  readonly #bucket: S3Bucket;
  readonly #deleter: S3Deleter;
  readonly #keys: S3Keys;
  readonly #buffers = new PartBuffers();
  readonly #running = new Set<string>();
  readonly #abandoned: AbandonedUploads;

  constructor({ config, onRequest, onAbandonedRemoved, onBackgroundError }: S3DriverOptions) {
    this.#config = config;
    const client = createS3Client(config);
    const patientClient = createPatientS3Client(config);
    this.#signer = createSigningClient(config);
    this.#clients = [client, patientClient, this.#signer];
    const canRefresh = config.credentials === undefined;
    const sender = new S3Sender({ client, patientClient, canRefresh, onRequest });
    this.#bucket = new S3Bucket(sender, config);
    this.#deleter = new S3Deleter(this.#bucket);
    this.#keys = new S3Keys(config.rootDirectory);
    this.staging = new S3Staging({
      bucket: this.#bucket,
      config,
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
      abandonedAfterMs: config.abandonedAfterMs,
      running: this.#running,
      onRemoved: (count) => onAbandonedRemoved?.(count),
      onFailed: (err) => onBackgroundError?.(toStorageError(err, 'looking for abandoned uploads')),
    });
  }

  async stat(path: string): Promise<FileInfo> {
    checkPath(NAME, path);
    const file = path === '/' ? undefined : await this.#head(path);
    if (file) return { isDirectory: false, size: file.size, modifiedAt: file.modifiedAt };
    const below = await this.#told('listing', path, this.#bucket.list(this.#keys.prefixOf(path), { maxKeys: 1 }));
    const [first] = below.Contents ?? [];
    if (!first && path !== '/') throw new PathNotFoundError(NAME, path);
    return { isDirectory: true, size: 0, modifiedAt: first?.LastModified ?? new Date(0) };
  }

  async open(path: string): Promise<ByteSource> {
    const key = this.#fileKey(path);
    const opened = await this.#found(path, this.#bucket.get(key));
    return new S3Source({ bucket: this.#bucket, key, path, opened });
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    const source = await this.open(path);
    try {
      if (source.size > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(chunk);
      return Buffer.concat(chunks);
    } finally {
      await source.close();
    }
  }

  async writeSmall(path: string, bytes: Uint8Array): Promise<void> {
    checkPathBelowRoot(NAME, path);
    // A copy: retries send the bytes again, and the caller's buffer is the caller's.
    await this.#told('writing', path, this.#bucket.put(this.#keys.keyOf(path), Buffer.from(bytes)));
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
    await this.#told('writing', path, this.#bucket.put(this.#keys.keyOf(path), await readFile(localFile)));
    await rm(localFile, { force: true });
  }

  startAdoption(localFile: string, path: string, { size }: { readonly size: number }): Adoption | undefined {
    checkPathBelowRoot(NAME, path);
    const { chunkBytes } = this.#config;
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
        await this.#told('uploading', path, upload.finish());
        await rm(localFile, { force: true });
      },
      abort: () => upload.abort(),
    };
  }

  async list(path: string): Promise<string[]> {
    checkPath(NAME, path);
    const prefix = this.#keys.prefixOf(path);
    const names = new Set<string>();
    for await (const page of this.#pages(path, { delimiter: '/' })) {
      const keys = [
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map((it) => it.Prefix),
      ];
      for (const key of keys) names.add((key ?? '').slice(prefix.length).replace(/\/$/, ''));
    }
    // Others may have put objects there whose names are no paths; some tools make one for the directory itself.
    const listed = [...names].filter((name) => isPath(`/${name}`) && name !== '');
    if (names.size === 0 && path !== '/') throw new PathNotFoundError(NAME, path);
    return listed.sort();
  }

  async move(from: string, to: string): Promise<void> {
    for (const path of [from, to]) checkPathBelowRoot(NAME, path);
    const file = await this.#head(from);
    if (!file) throw new PathNotFoundError(NAME, from);
    if (from === to) return;
    const [source, target] = [this.#keys.keyOf(from), this.#keys.keyOf(to)];
    const copying = copyObject(this.#bucket, { from: source, to: target, size: file.size, limits: this.#config.copy });
    await this.#found(from, copying);
    await this.#told('deleting', from, this.#deleter.delete(source));
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    for await (const { Contents = [] } of this.#pages(path)) {
      const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      await this.#told('deleting', path, this.#deleter.deleteAll(keys));
    }
    await this.#told('deleting', path, this.#deleter.delete(this.#keys.keyOf(path)));
  }

  /** There are no directories: nothing has to be done. */
  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    const list = (prefix: string) => this.#told('listing', path, this.#bucket.list(prefix, { maxKeys: 1 }));
    const { Contents = [] } = await list(this.#keys.prefixOf(path));
    return Contents.length === 0 && (await this.#head(path)) === undefined;
  }

  async redirectUrl(path: string, { method }: RedirectRequest): Promise<string> {
    const input = { Bucket: this.#config.bucket, Key: this.#fileKey(path) };
    const options = { expiresIn: SIGNED_URL_SECONDS };
    const signing =
      method === 'GET'
        ? getSignedUrl(this.#signer, new GetObjectCommand(input), options)
        : getSignedUrl(this.#signer, new HeadObjectCommand(input), options);
    return await this.#told('signing a URL for', path, signing);
  }

  objectKey(path: string): string {
    return this.#keys.keyOf(path);
  }

  async close(): Promise<void> {
    this.#abandoned.stop();
    for (const client of this.#clients) client.destroy();
  }

  async *#pages(path: string, options: { delimiter?: '/' } = {}) {
    const prefix = this.#keys.prefixOf(path);
    let continuation: string | undefined;
    do {
      const page = await this.#told('listing', path, this.#bucket.list(prefix, { ...options, continuation }));
      yield page;
      continuation = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (continuation !== undefined);
  }

  async #head(path: string) {
    try {
      return await this.#bucket.head(this.#keys.keyOf(path));
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw toStorageError(err, `looking at ${path}`);
    }
  }

  async #found<T>(path: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw isNotFound(err) ? new PathNotFoundError(NAME, path) : toStorageError(err, `reading ${path}`);
    }
  }

  async #told<T>(doing: string, path: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw toStorageError(err, `${doing} ${path}`);
    }
  }

  #fileKey(path: string): string {
    checkPath(NAME, path);
    if (path === '/') throw new PathNotFoundError(NAME, path);
    return this.#keys.keyOf(path);
  }
}
