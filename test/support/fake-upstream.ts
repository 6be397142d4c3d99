import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

import type { Digest } from '../../src/oci/digest.ts';
import type { Reference } from '../../src/oci/reference.ts';
import { ChunkReader } from '../../src/stream/byte-reader.ts';
import {
  type FetchedManifest,
  type OpenBlobOptions,
  type ResolvedBlob,
  type ResolvedManifest,
  type Upstream,
  type UpstreamBlob,
  UpstreamError,
  type UpstreamErrorKind,
} from '../../src/upstream/upstream.ts';

/** What the next opening of a blob brings; openings without one bring all of it. */
export type BlobFault =
  /** The connection breaks after so many bytes. */
  | { readonly kind: 'break'; readonly after: number }
  /** Nothing more comes after so many bytes; the connection stays open. */
  | { readonly kind: 'hang'; readonly after: number }
  /** One bit is wrong, from the start that was requested. */
  | { readonly kind: 'wrong' }
  /** The body ends so many bytes too early, and nothing reports it. */
  | { readonly kind: 'short'; readonly by: number }
  | { readonly kind: 'error'; readonly error: UpstreamErrorKind };

export interface FakeManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

type FakedCalls = 'name' | 'openBlob' | 'resolveBlob' | 'resolveManifest' | 'fetchManifest';

/** An upstream in memory. Every repository has all of its content, unless it is refused. */
export class FakeUpstream implements Pick<Upstream, FakedCalls> {
  readonly name: string;
  /** Openings still to come, in order. */
  readonly faults: BlobFault[] = [];
  /** Repositories that get this error instead of anything. */
  readonly refused = new Map<string, UpstreamErrorKind>();
  /** While it is set, every call fails with it. */
  failure: UpstreamErrorKind | undefined;
  /** Such as `openBlob library/app sha256:…`. */
  readonly calls: string[] = [];
  /** Bytes per chunk of a body. */
  chunkBytes = 4096;
  readonly #blobs = new Map<Digest, Buffer>();
  /** By tag and by digest. */
  readonly #manifests = new Map<string, FakeManifest>();

  constructor(name = 'hub.example') {
    this.name = name;
  }

  addBlob(digest: Digest, bytes: Buffer): void {
    this.#blobs.set(digest, bytes);
  }

  addManifest(manifest: FakeManifest, tag?: string): void {
    this.#manifests.set(manifest.digest, manifest);
    if (tag !== undefined) this.#manifests.set(tag, manifest);
  }

  count(call: string): number {
    return this.calls.filter((line) => line.startsWith(`${call} `)).length;
  }

  async resolveBlob(repository: string, digest: Digest): Promise<ResolvedBlob> {
    await this.#called('resolveBlob', repository, digest);
    return { size: this.#blobOf(digest).length };
  }

  async openBlob(repository: string, digest: Digest, options: OpenBlobOptions = {}): Promise<UpstreamBlob> {
    const { start = 0, end, signal } = options;
    await this.#called('openBlob', repository, digest);
    signal?.throwIfAborted();
    const fault = this.faults.shift();
    if (fault?.kind === 'error') throw this.#error(fault.error);
    const whole = this.#blobOf(digest);
    const closed = new AbortController();
    const ended = AbortSignal.any([closed.signal, ...(signal ? [signal] : [])]);
    const stream = Readable.from(this.#body(whole.subarray(start, end), fault, ended), { objectMode: true });
    stream.on('error', () => undefined); // it is that of the next read
    const abort = () => stream.destroy(signal?.reason as Error);
    signal?.addEventListener('abort', abort);
    stream.once('close', () => signal?.removeEventListener('abort', abort));
    const close = () => {
      closed.abort();
      stream.destroy();
    };
    return { size: whole.length, start, body: new ChunkReader(stream, close) };
  }

  async resolveManifest(repository: string, reference: Reference): Promise<ResolvedManifest> {
    await this.#called('resolveManifest', repository, nameOf(reference));
    const { digest, mediaType, bytes } = this.#manifestOf(nameOf(reference));
    return { digest, mediaType, size: bytes.length };
  }

  async fetchManifest(repository: string, reference: Reference): Promise<FetchedManifest> {
    await this.#called('fetchManifest', repository, nameOf(reference));
    const { bytes, mediaType, digest } = this.#manifestOf(nameOf(reference));
    return { bytes, mediaType, claimedDigest: digest };
  }

  async *#body(bytes: Buffer, fault: BlobFault | undefined, ended: AbortSignal): AsyncGenerator<Buffer> {
    const sent = fault?.kind === 'wrong' ? withWrongBit(bytes) : bytes;
    const cut = sentBytes(sent.length, fault);
    for (let at = 0; at < cut; at += this.chunkBytes) {
      await turn();
      yield sent.subarray(at, Math.min(at + this.chunkBytes, cut));
    }
    if (fault?.kind === 'break') throw this.#error('network');
    if (fault?.kind === 'hang' && !ended.aborted) await once(ended, 'abort');
  }

  async #called(call: string, repository: string, reference: string): Promise<void> {
    this.calls.push(`${call} ${repository} ${reference}`);
    await turn();
    const error = this.failure ?? this.refused.get(repository);
    if (error !== undefined) throw this.#error(error);
  }

  #blobOf(digest: Digest): Buffer {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw this.#error('not-found');
    return bytes;
  }

  #manifestOf(reference: string): FakeManifest {
    const manifest = this.#manifests.get(reference);
    if (manifest === undefined) throw this.#error('not-found');
    return manifest;
  }

  #error(kind: UpstreamErrorKind): UpstreamError {
    return new UpstreamError(kind, `${this.name}: ${kind}`, { upstream: this.name });
  }
}

function sentBytes(length: number, fault: BlobFault | undefined): number {
  if (fault?.kind === 'break' || fault?.kind === 'hang') return Math.min(fault.after, length);
  return fault?.kind === 'short' ? length - fault.by : length;
}

function nameOf(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest;
}

function withWrongBit(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  if (wrong.length > 0) wrong.writeUInt8(wrong.readUInt8(wrong.length >> 1) ^ 1, wrong.length >> 1);
  return wrong;
}
