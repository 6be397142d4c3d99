import { Readable } from 'node:stream';

import type { Digest } from '../oci/digest.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import { CallScope } from './call-scope.ts';
import type { Endpoint } from './endpoint.ts';
import { isTransient } from './network-failure.ts';
import { headerText } from './transport.ts';
import { UpstreamError, type UpstreamErrorKind } from './upstream.ts';
import {
  appendRest,
  cancelUpload,
  expectStatus,
  findUpload,
  finishUpload,
  locationOf,
  type UploadSession,
  type UploadTarget,
  write,
} from './upload-requests.ts';

export interface BlobToPush {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes from `start` on; opened again for what a registry did not get. What it fails with, the push fails with, and the upload is
   * cancelled.
   */
  readonly open: (start: number) => AsyncIterable<Uint8Array>;
  /** A repository of the same registry that has it, so that it need not be sent. */
  readonly mountFrom?: string | undefined;
}

export interface ManifestToPush {
  readonly mediaType: string;
  /** Sent as they are. */
  readonly bytes: Uint8Array;
}

export interface PushOptions {
  readonly signal?: AbortSignal;
}

const WORTH_ANOTHER_TRY: readonly UpstreamErrorKind[] = ['timeout', 'unavailable', 'server', 'throttled'];
/** Waits before the tries after the first. Milliseconds. */
const DELAYS_MS = [200, 1_000, 3_000, 5_000];
/** The longest that a registry may ask us to wait. Milliseconds. */
const MAX_WAIT_MS = 60_000;

/** What has been reached of one blob, from try to try. */
interface Progress {
  session: UploadSession | undefined;
  /** The bytes could not be read, which no other try changes. */
  sourceFailure?: SourceFailure;
}

class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
}

/** Pushes to one registry. Tokens for pushing are asked for by the registry's own challenge. */
export class PushClient {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /**
   * Makes a blob part of a repository. A broken upload goes on where the registry has it, or starts again.
   *
   * @throws {UpstreamError}, and what reading the blob failed with
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
   */
  async pushBlob(repository: string, blob: BlobToPush, options: PushOptions = {}): Promise<'mounted' | 'sent'> {
    const scope = new CallScope(this.#endpoint.upstream, options);
    const purpose = blob.mountFrom === undefined ? `push ${repository}` : `push ${repository} from ${blob.mountFrom}`;
    const mounted = blob.mountFrom === undefined ? '' : ` repository:${blob.mountFrom}:pull`;
    const scopes = `repository:${repository}:pull,push${mounted}`;
    const target = { endpoint: this.#endpoint, purpose, scopes, scope };
    const progress: Progress = { session: undefined };
    try {
      return await this.#retrying(scope, async (retry) => {
        if (retry > 0 && progress.session) progress.session = await findUpload(target, progress.session);
        return this.#tryBlob(target, repository, { blob, progress }).catch((err: unknown) => {
          throw progress.sourceFailure ?? err;
        });
      });
    } catch (err) {
      if (progress.session && !scope.signal.aborted) await cancelUpload(target, progress.session);
      throw err instanceof SourceFailure ? err.cause : err;
    } finally {
      scope.close();
    }
  }

  /**
   * @returns the digest of the subject, when the registry has added the manifest to its referrers
   * @throws {UpstreamError}
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
   */
  async pushManifest(
    repository: string,
    reference: Reference,
    { mediaType, bytes, signal }: ManifestToPush & PushOptions,
  ): Promise<{ readonly subject: string | undefined }> {
    const scope = new CallScope(this.#endpoint.upstream, signal && { signal });
    const scopes = `repository:${repository}:pull,push`;
    const target = { endpoint: this.#endpoint, purpose: `push ${repository}`, scopes, scope };
    const url = this.#endpoint.url(repository, `manifests/${referenceText(reference)}`);
    const headers = { 'content-type': mediaType };
    try {
      return await this.#retrying(scope, async () => {
        const response = await write(target, { method: 'PUT', url, headers, body: () => bytes });
        await expectStatus(target, response, [200, 201, 202, 204]);
        return { subject: headerText(response.headers, 'oci-subject') };
      });
    } finally {
      scope.close();
    }
  }

  async #tryBlob(
    target: UploadTarget,
    repository: string,
    { blob, progress }: { readonly blob: BlobToPush; readonly progress: Progress },
  ): Promise<'mounted' | 'sent'> {
    progress.session ??= await this.#start(target, repository, blob);
    if (!progress.session) return 'mounted';
    if (progress.session.offset < blob.size) {
      const { offset } = progress.session;
      const body = () =>
        Readable.from(noting(blob.open(offset), progress), { objectMode: false, highWaterMark: 256 * 1024 });
      progress.session = await appendRest(target, progress.session, { offset, size: blob.size, body });
    }
    await finishUpload(target, progress.session, blob.digest);
    return 'sent';
  }

  /** Undefined when the blob is there without being sent. */
  async #start(target: UploadTarget, repository: string, blob: BlobToPush): Promise<UploadSession | undefined> {
    const url = this.#endpoint.url(repository, 'blobs/uploads/');
    if (blob.mountFrom !== undefined) {
      url.searchParams.set('mount', blob.digest);
      url.searchParams.set('from', blob.mountFrom);
    }
    const response = await write(target, { method: 'POST', url, headers: { 'content-length': '0' } });
    await expectStatus(target, response, [201, 202]);
    return response.status === 201 ? undefined : { url: locationOf(this.#endpoint, response, url), offset: 0 };
  }

  async #retrying<T>(scope: CallScope, attempt: (retry: number) => Promise<T>): Promise<T> {
    for (let retry = 0; ; retry++) {
      try {
        return await attempt(retry);
      } catch (err) {
        const delayMs = err instanceof UpstreamError && !scope.signal.aborted ? waitMs(err, retry) : undefined;
        if (delayMs === undefined) throw err;
        await scope.sleep(delayMs);
      }
    }
  }
}

/** @returns milliseconds; undefined when it is time to give up */
function waitMs(err: UpstreamError, retry: number): number | undefined {
  const delayMs = DELAYS_MS[retry];
  const askedMs = err.options.retryAfterMs ?? 0;
  const mayPass = WORTH_ANOTHER_TRY.includes(err.kind) || isTransient(err);
  return delayMs === undefined || !mayPass || askedMs > MAX_WAIT_MS ? undefined : Math.max(delayMs, askedMs);
}

/**
 * Keeps why reading failed, as the connection only tells that it broke. What the reader of it throws in here (a stream that is
 * destroyed does, with what broke the connection) is no failure to read.
 */
async function* noting(chunks: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await readNext(iterator, progress);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function readNext(iterator: AsyncIterator<Uint8Array>, progress: Progress) {
  try {
    return await iterator.next();
  } catch (reason) {
    progress.sourceFailure = new SourceFailure('the blob cannot be read', { cause: reason });
    throw reason;
  }
}
