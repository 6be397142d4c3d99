import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';

import type { ByteRange } from '../../stream/byte-source.ts';
import { isNotFound, rejectLongName, statusOf } from './errors.ts';
import type { S3Options } from './options.ts';
import type { S3Sender, SignalOption } from './sender.ts';

/** The same as in distribution. */
const CONTENT_TYPE = 'application/octet-stream';

export interface S3Object {
  readonly size: number;
  readonly etag: string | undefined;
  readonly modifiedAt: Date;
}

export interface S3Body extends S3Object {
  readonly body: Readable;
  /** `Content-Range`. Absent when the response has the whole object. */
  readonly contentRange: string | undefined;
}

export interface UploadRef {
  readonly key: string;
  readonly uploadId: string;
  /** Parts of the upload are copied; those that are sent have no checksums. */
  readonly isOfCopies?: boolean;
}

export interface ListOptions {
  readonly delimiter?: '/';
  readonly maxKeys?: number | undefined;
  readonly continuation?: string | undefined;
  /** Only keys after this one. */
  readonly after?: string | undefined;
}

/** The requests that the driver sends to its bucket. Rejects with the SDK's errors. */
export class S3Bucket {
  readonly #sender: S3Sender;
  readonly #options: S3Options;

  constructor(sender: S3Sender, options: S3Options) {
    this.#sender = sender;
    this.#options = options;
  }

  get name(): string {
    return this.#options.bucket;
  }

  async head(key: string): Promise<S3Object> {
    try {
      return await this.#head(key);
    } catch (err) {
      if ((statusOf(err) !== 400 && statusOf(err) !== 403) || isNotFound(err)) throw err;
      // The response to a HEAD has no body with the reason. A GET fails for the same reason, and reports it.
      (await this.get(key)).body.destroy();
      return await this.#head(key);
    }
  }

  /** The caller reads the body to its end, or destroys it. */
  async get(
    key: string,
    { range, etag, signal }: { range?: ByteRange; etag?: string | undefined } & SignalOption = {},
  ): Promise<S3Body> {
    const command = new GetObjectCommand({
      Bucket: this.name,
      Key: key,
      ...(range && { Range: `bytes=${range.start}-${range.end - 1}` }),
      ...(etag !== undefined && { IfMatch: etag }),
    });
    const response = await this.#sender.send(command, key, { signal, promptly: true }).catch(rejectLongName(key));
    const body = response.Body as unknown as Readable;
    // The body may fail before it is read; a later read then fails.
    body.on('error', () => {});
    return { ...toObject(response, response.ContentLength), body, contentRange: response.ContentRange };
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#sender.send(
      new PutObjectCommand({
        Bucket: this.name,
        Key: key,
        Body: bytes,
        ContentLength: bytes.length,
        ...this.#attributes(),
      }),
      key,
    );
  }

  async delete(key: string): Promise<void> {
    await this.#sender.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }), key);
  }

  /** @returns the objects that could not be deleted */
  async deleteMany(keys: readonly string[]): Promise<readonly { key: string; code: string }[]> {
    const Objects = keys.map((Key) => ({ Key }));
    const { Errors = [] } = await this.#sender.send(
      new DeleteObjectsCommand({ Bucket: this.name, Delete: { Objects, Quiet: true } }),
      `${keys[0]} and more`,
    );
    return Errors.map(({ Key = '', Code = 'unknown' }) => ({ key: Key, code: Code }));
  }

  list(
    prefix: string,
    { delimiter, maxKeys, continuation, after }: ListOptions = {},
  ): Promise<ListObjectsV2CommandOutput> {
    const command = new ListObjectsV2Command({
      Bucket: this.name,
      Prefix: prefix,
      ...(delimiter && { Delimiter: delimiter }),
      ...(maxKeys !== undefined && { MaxKeys: maxKeys }),
      ...(continuation !== undefined && { ContinuationToken: continuation }),
      ...(after !== undefined && continuation === undefined && { StartAfter: after }),
    });
    return this.#sender.send(command, prefix, { promptly: true });
  }

  async copy(from: string, to: string): Promise<void> {
    const CopySource = this.#copySource(from);
    await this.#sender.send(
      new CopyObjectCommand({ Bucket: this.name, Key: to, CopySource, ...this.#attributes() }),
      to,
      {
        patient: true,
      },
    );
  }

  /** @param options.isOfCopies {@link UploadRef.isOfCopies} */
  async startUpload(key: string, { isOfCopies = false } = {}): Promise<UploadRef> {
    const command = new CreateMultipartUploadCommand({
      Bucket: this.name,
      Key: key,
      ...this.#attributes(),
      // Parts are sent with checksums, which the upload has to announce.
      ...(this.#options.checksums !== 'when_required' && !isOfCopies && { ChecksumAlgorithm: 'CRC32' as const }),
    });
    const { UploadId: uploadId } = await this.#sender.send(command, key, { patient: isOfCopies });
    if (uploadId === undefined) throw new Error('the response has no id of the upload');
    return { key, uploadId, isOfCopies };
  }

  async uploadPart(
    { key, uploadId, isOfCopies = false }: UploadRef,
    { number, bytes, signal }: { number: number; bytes: Uint8Array } & SignalOption,
  ): Promise<CompletedPart> {
    const command = new UploadPartCommand({
      Bucket: this.name,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
    });
    const { ETag, ChecksumCRC32 } = await this.#sender.send(command, key, { signal, patient: isOfCopies });
    if (isOfCopies) return { ETag, PartNumber: number };
    return { ETag, PartNumber: number, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) };
  }

  /** @param ref an upload of copies */
  async copyPart(
    { key, uploadId }: UploadRef,
    { number, from, range }: { number: number; from: string; range: ByteRange },
  ): Promise<CompletedPart> {
    const command = new UploadPartCopyCommand({
      Bucket: this.name,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      CopySource: this.#copySource(from),
      CopySourceRange: `bytes=${range.start}-${range.end - 1}`,
    });
    const { CopyPartResult } = await this.#sender.send(command, key, { patient: true });
    return { ETag: CopyPartResult?.ETag, PartNumber: number };
  }

  async completeUpload({ key, uploadId }: UploadRef, parts: readonly CompletedPart[]): Promise<void> {
    const MultipartUpload = { Parts: [...parts] };
    await this.#sender.send(
      new CompleteMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId, MultipartUpload }),
      key,
      { patient: true },
    );
  }

  async abortUpload({ key, uploadId }: UploadRef): Promise<void> {
    await this.#sender.send(new AbortMultipartUploadCommand({ Bucket: this.name, Key: key, UploadId: uploadId }), key);
  }

  listUploads(
    prefix: string,
    after: { readonly key?: string | undefined; readonly uploadId?: string | undefined } = {},
  ): Promise<ListMultipartUploadsCommandOutput> {
    const command = new ListMultipartUploadsCommand({
      Bucket: this.name,
      ...(prefix !== '' && { Prefix: prefix }),
      ...(after.key !== undefined && { KeyMarker: after.key }),
      ...(after.uploadId !== undefined && { UploadIdMarker: after.uploadId }),
    });
    return this.#sender.send(command, prefix);
  }

  async #head(key: string): Promise<S3Object> {
    const command = new HeadObjectCommand({ Bucket: this.name, Key: key });
    const response = await this.#sender.send(command, key, { promptly: true }).catch(rejectLongName(key));
    return toObject(response, response.ContentLength);
  }

  /** Attributes of every object that the driver creates. */
  #attributes() {
    const { encryption, storageClass, acl } = this.#options;
    return {
      ContentType: CONTENT_TYPE,
      ...(acl !== undefined && { ACL: acl as 'private' }),
      ...(storageClass !== undefined && { StorageClass: storageClass as 'STANDARD' }),
      ...(encryption && {
        ServerSideEncryption: encryption.keyId === undefined ? ('AES256' as const) : ('aws:kms' as const),
        ...(encryption.keyId !== undefined && { SSEKMSKeyId: encryption.keyId }),
      }),
    };
  }

  #copySource(key: string): string {
    return `${this.name}/${key.split('/').map(encodeURIComponent).join('/')}`;
  }
}

function toObject(
  response: { readonly ETag?: string | undefined; readonly LastModified?: Date | undefined },
  size: number | undefined,
): S3Object {
  if (size === undefined) throw new Error('the response has no Content-Length');
  return { size, etag: response.ETag, modifiedAt: response.LastModified ?? new Date(0) };
}
