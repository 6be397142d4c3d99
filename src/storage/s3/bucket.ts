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

import type { S3Config } from '../../config/config.ts';
import type { ByteRange } from '../../stream/byte-source.ts';
import { statusOf } from './errors.ts';
import type { S3Sender, SignalOption } from './sender.ts';

/** As distribution has it. */
const CONTENT_TYPE = 'application/octet-stream';

export interface S3Object {
  readonly size: number;
  readonly etag: string | undefined;
  readonly modifiedAt: Date;
}

export interface S3Body extends S3Object {
  readonly body: Readable;
  /** `Content-Range`; undefined when the answer is the whole object. */
  readonly contentRange: string | undefined;
}

export interface UploadRef {
  readonly key: string;
  readonly uploadId: string;
}

/** The requests we make of one bucket. Rejects with the SDK's errors. */
export class S3Bucket {
  readonly #sender: S3Sender;
  readonly #config: S3Config;

  constructor(sender: S3Sender, config: S3Config) {
    this.#sender = sender;
    this.#config = config;
  }

  get name(): string {
    return this.#config.bucket;
  }

  async head(key: string): Promise<S3Object> {
    try {
      return await this.#head(key);
    } catch (err) {
      if (statusOf(err) !== 400 && statusOf(err) !== 403) throw err;
      // The answer to a HEAD has no body that would say why. A GET is refused for the same reason, and says it.
      (await this.get(key)).body.destroy();
      return await this.#head(key);
    }
  }

  /** Whoever calls reads the body to its end, or destroys it. */
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
    const answer = await this.#sender.send(command, key, { signal, promptly: true });
    const body = answer.Body as unknown as Readable;
    // It may break while nobody reads it; whoever reads it then is told.
    body.on('error', () => {});
    return { ...toObject(answer, answer.ContentLength), body, contentRange: answer.ContentRange };
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

  /** @returns what could not be deleted */
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
    { delimiter, maxKeys, continuation }: { delimiter?: '/'; maxKeys?: number; continuation?: string | undefined } = {},
  ): Promise<ListObjectsV2CommandOutput> {
    const command = new ListObjectsV2Command({
      Bucket: this.name,
      Prefix: prefix,
      ...(delimiter && { Delimiter: delimiter }),
      ...(maxKeys !== undefined && { MaxKeys: maxKeys }),
      ...(continuation !== undefined && { ContinuationToken: continuation }),
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

  /** @returns the upload's id */
  async startUpload(key: string): Promise<string> {
    const command = new CreateMultipartUploadCommand({
      Bucket: this.name,
      Key: key,
      ...this.#attributes(),
      // Parts are sent with theirs, and the store has to be told before.
      ...(this.#config.checksums === 'when_supported' && { ChecksumAlgorithm: 'CRC32' as const }),
    });
    const { UploadId } = await this.#sender.send(command, key);
    if (UploadId === undefined) throw new Error('the store has not named the upload');
    return UploadId;
  }

  async uploadPart(
    { key, uploadId }: UploadRef,
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
    const { ETag, ChecksumCRC32 } = await this.#sender.send(command, key, { signal });
    return { ETag, PartNumber: number, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) };
  }

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
    const { ETag, ChecksumCRC32 } = CopyPartResult ?? {};
    // Some stores give a part the checksum of its source, which is none when that was made of parts itself.
    if (ChecksumCRC32?.includes('-')) return await this.#sendCopied({ key, uploadId }, { number, from, range });
    return { ETag, PartNumber: number, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) };
  }

  async #sendCopied(
    ref: UploadRef,
    { number, from, range }: { number: number; from: string; range: ByteRange },
  ): Promise<CompletedPart> {
    const { body } = await this.get(from, { range });
    const bytes = Buffer.concat(await body.toArray());
    return await this.uploadPart(ref, { number, bytes });
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
    const answer = await this.#sender.send(command, key, { promptly: true });
    return toObject(answer, answer.ContentLength);
  }

  /** What every object of ours is given. */
  #attributes() {
    const { encryption, storageClass, acl } = this.#config;
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
  answer: { readonly ETag?: string | undefined; readonly LastModified?: Date | undefined },
  size: number | undefined,
): S3Object {
  if (size === undefined) throw new Error('the store has not told the size');
  return { size, etag: answer.ETag, modifiedAt: answer.LastModified ?? new Date(0) };
}
