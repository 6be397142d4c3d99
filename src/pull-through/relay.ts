import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';

import type { BlobStore } from '../content/blobs.ts';
import type { ManifestStore } from '../content/manifests.ts';
import type { TagStore } from '../content/tags.ts';
import { RegistryError } from '../oci/errors.ts';
import type { WriteRequest } from '../oci/write-request.ts';
import { type Upstream, UpstreamError, type WriteAccess } from '../upstream/upstream.ts';
import type { NameRefusal } from '../filters/name-filter.ts';
import { throwIfRefused } from '../filters/refuse-content.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { ContentCache } from '../content/content-cache.ts';
import type { TagEntries } from './tag-entries.ts';
import { toClientError } from './upstream-failure.ts';
import type { UploadSecrets } from '../hosted/upload-secrets.ts';

export interface RelayOptions {
  readonly upstream: Upstream;
  /** Without a slash at the end; may have a path. */
  readonly remoteUrl: string;
  readonly tls: { readonly caFile: string | undefined; readonly insecure: boolean };
  readonly timeouts: { readonly headersMs: number; readonly idleMs: number };
  readonly refusalOf: NameRefusal;
  /** Content that is not pushed. */
  readonly refusals: ContentRefusals;
  readonly offline: boolean;
  readonly store: {
    readonly blobs: Pick<BlobStore, 'delete'>;
    readonly manifests: Pick<ManifestStore, 'delete'>;
    readonly tags: Pick<TagStore, 'delete'>;
  };
  readonly content: ContentCache;
  readonly tags: TagEntries;
  readonly secrets: UploadSecrets;
}

/** An upload session at the upstream. */
export interface RelayedUpload {
  readonly url: string;
  /** Bytes received by the upstream, by its last response. */
  readonly size: number;
}

/** Forwards writes to an upstream: credentials, session URLs and the state of the cache. The requests themselves are HTTP's. */
export class Relay {
  readonly #options: RelayOptions;
  /** For connections to the upstream. */
  readonly tls: { readonly ca: readonly string[] | undefined; readonly insecure: boolean };

  /** @throws when the CA file cannot be read */
  constructor(options: RelayOptions) {
    this.#options = options;
    const { tls } = options;
    const ca = tls.caFile === undefined ? undefined : [...rootCertificates, readFileSync(tls.caFile, 'utf8')];
    this.tls = { ca, insecure: tls.insecure };
  }

  /** Without a slash at the end. */
  get remoteUrl(): string {
    return this.#options.remoteUrl;
  }

  /** Resolves the names of other hosts that {@link continueAt} leads to. */
  get lookup(): LookupFunction {
    return this.#options.upstream.uploadLookup;
  }

  /** Whether a URL is at the registry itself, which alone gets the credentials. */
  isOwn(url: URL): boolean {
    return url.origin === new URL(this.remoteUrl).origin;
  }

  /**
   * The URL at which an upload continues, from the upstream's `Location`.
   *
   * @throws {RegistryError} `UNAVAILABLE` with status 502 without a usable `Location`, or for one that is not permitted
   */
  continueAt(location: string | undefined, response: { readonly from: URL; readonly status: number }): URL {
    try {
      return this.#options.upstream.uploadUrl(location, response);
    } catch (err) {
      throw err instanceof UpstreamError ? toClientError(err, 'BLOB_UPLOAD_UNKNOWN') : err;
    }
  }

  get timeouts(): RelayOptions['timeouts'] {
    return this.#options.timeouts;
  }

  /**
   * The `Authorization` header for a write; undefined when the upstream requires none.
   *
   * @throws {RegistryError} `DENIED` for an excluded name, `UNAVAILABLE` when offline or when the upstream is unavailable
   */
  async authorize(repository: string, access: WriteAccess): Promise<string | undefined> {
    const { upstream, offline, refusalOf } = this.#options;
    const { from } = access;
    if (offline) throw new RegistryError('UNAVAILABLE', 'offline: writes are not forwarded to upstreams');
    for (const name of [repository, ...(from === undefined ? [] : [from])]) {
      const refusal = refusalOf(name);
      if (refusal) throw refusal;
    }
    try {
      return await upstream.authorizeWrite(repository, access);
    } catch (err) {
      throw err instanceof UpstreamError ? toClientError(err, 'NAME_UNKNOWN') : err;
    }
  }

  /**
   * Refuses content that no client gets.
   *
   * @param bytes of a manifest
   * @throws {RegistryError} `DENIED`
   */
  throwIfDenied(request: WriteRequest, storedAs: string, bytes?: Buffer): void {
    const { refusals } = this.#options;
    if (refusals.isEmpty) return;
    const digests =
      request.kind === 'start-upload'
        ? [request.mount, request.digest]
        : [request.kind === 'finish-upload' ? request.digest : undefined];
    for (const digest of digests) {
      const refusal = digest && refusals.ofDigest(storedAs, digest);
      if (refusal) throw refusal;
    }
    if (request.kind === 'put-manifest' && bytes)
      throwIfRefused(storedAs, { bytes, reference: request.reference }, refusals);
  }

  /** Removes the written content from the cache, so that the next pull fetches it. */
  async written(request: WriteRequest, storedAs: string): Promise<void> {
    const { store, content } = this.#options;
    if (request.kind === 'delete-blob') {
      await store.blobs.delete(storedAs, request.digest);
      await content.forget(storedAs, request.digest);
    }
    if (request.kind !== 'put-manifest' && request.kind !== 'delete-manifest') return;
    const { reference } = request;
    if (reference.kind === 'digest' && request.kind === 'delete-manifest') {
      const gone = await store.manifests.delete(storedAs, reference.digest);
      await content.forget(storedAs, reference.digest);
      for (const tag of gone ?? []) await this.#options.tags.forget(storedAs, tag);
    }
    const more = request.kind === 'put-manifest' ? request.tags : [];
    for (const tag of [...(reference.kind === 'tag' ? [reference.tag] : []), ...more]) {
      await store.tags.delete(storedAs, tag);
      await this.#options.tags.forget(storedAs, tag);
    }
  }

  /** Seals a session of the upstream for the session URL of the client, who cannot change it or use it for another repository. */
  async seal(repository: string, { url, size }: RelayedUpload): Promise<string> {
    const { secrets, upstream } = this.#options;
    const [secret] = await secrets();
    const text = `${upstream.name}/${repository}\n${url}\n${size}`;
    return Buffer.concat([signature(secret, text), Buffer.from(text)]).toString('base64url');
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_INVALID` for a text that was not sealed for this repository */
  async unseal(repository: string, sealed: string | undefined): Promise<RelayedUpload> {
    const bytes = Buffer.from(sealed ?? '', 'base64url');
    const text = bytes.subarray(SIGNATURE_BYTES).toString();
    const [name, url, size] = text.split('\n');
    const { secrets, upstream } = this.#options;
    for (const secret of await secrets()) {
      const isSigned =
        bytes.length > SIGNATURE_BYTES && timingSafeEqual(bytes.subarray(0, SIGNATURE_BYTES), signature(secret, text));
      if (isSigned && name === `${upstream.name}/${repository}` && url !== undefined)
        return { url, size: Number(size) };
    }
    throw new RegistryError('BLOB_UPLOAD_INVALID', 'the _state of the URL is not one of this upload');
  }
}

const SIGNATURE_BYTES = 32;

function signature(secret: string, text: string): Buffer {
  return createHmac('sha256', secret).update(`relay\n${text}`).digest();
}
