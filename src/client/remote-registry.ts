import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { parseManifest } from '../oci/manifest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import { type Reference, referenceText } from '../oci/reference.ts';
import { pageOfReferrers, type ReferrersPage, type ReferrersQuery } from '../oci/referrers-page.ts';
import type {
  CallOptions,
  Manifest,
  ManifestPut,
  OpenBlob,
  PushedManifest,
  Registry,
  Served,
  UploadWriter,
} from '../registry/registry.ts';
import { countBytes } from '../stream/byte-reader.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { CallScope } from '../upstream/call-scope.ts';
import { listRepositories } from '../upstream/list-requests.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { deleteContent, putManifest, type WriteTarget } from '../upstream/write-requests.ts';
import { withRemoteErrors } from './registry-error.ts';
import { RemoteBlob } from './remote-blob.ts';
import { RemoteUploads } from './remote-uploads.ts';

export interface RemoteRegistryOptions {
  readonly upstream: Upstream;
  /** Of the same connections, for requests that have no meaning for a mirror. */
  readonly endpoint: Endpoint;
}

/**
 * A registry over HTTP. Made by {@link connect}.
 *
 * Failures are {@link RegistryError}s: with the code that the registry sent, `UNAUTHORIZED` for 401, `DENIED` for 403, `UNAVAILABLE` when
 * there is no usable response. Their `cause` is an `UpstreamError`, which has the kind of failure and the HTTP status.
 */
export class RemoteRegistry implements Registry {
  readonly uploads: UploadWriter;
  readonly #upstream: Upstream;
  readonly #endpoint: Endpoint;

  constructor({ upstream, endpoint }: RemoteRegistryOptions) {
    this.#upstream = upstream;
    this.#endpoint = endpoint;
    this.uploads = new RemoteUploads({
      call: (target, options, request) => this.#write(target, { options, missing: 'BLOB_UPLOAD_UNKNOWN', request }),
      resolveBlob: (repository, digest, options) => this.resolveBlob(repository, digest, options),
    });
  }

  /** The host that it was connected to, such as `docker.io`. */
  get host(): string {
    return this.#upstream.name;
  }

  /** By `HEAD`; by `GET` where the registry does not state digest, type and size. */
  resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>> {
    return this.#read('MANIFEST_UNKNOWN', async () => {
      const { digest, mediaType, size } = await this.#upstream.resolveManifest(
        repository,
        reference,
        signalOf(options),
      );
      if (size !== undefined) return { mediaType, digest, size };
      const fetched = await this.#fetchManifest(repository, { kind: 'digest', digest }, options);
      return { mediaType: fetched.mediaType, digest, size: fetched.size };
    });
  }

  /** @throws {RegistryError} `UNAVAILABLE` for bytes with another digest than the one requested, or stated by the registry */
  getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Manifest>> {
    return this.#read('MANIFEST_UNKNOWN', () => this.#fetchManifest(repository, reference, options));
  }

  /** By `HEAD`. Reads the blob where the registry does not state its size. */
  resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>> {
    return this.#read('BLOB_UNKNOWN', async () => {
      const { size = await this.#countBytes(repository, digest, options) } = await this.#upstream.resolveBlob(
        repository,
        digest,
        signalOf(options),
      );
      return { mediaType: OCTET_STREAM, digest, size };
    });
  }

  /**
   * Its bytes are not verified. A connection that breaks is resumed where it broke, by `Range`. When the response does not state the size,
   * that is requested as by {@link resolveBlob}.
   */
  openBlob(repository: string, digest: Digest, options: CallOptions = {}): Promise<Served<OpenBlob>> {
    return this.#read('BLOB_UNKNOWN', async () => {
      const blob = { upstream: this.#upstream, repository, digest };
      const opened = await RemoteBlob.open(blob, options.signal);
      const source = opened ?? new RemoteBlob(blob, (await this.resolveBlob(repository, digest, options)).size);
      return { mediaType: OCTET_STREAM, digest, size: source.size, source };
    });
  }

  /** Returns undefined, as `openBlob` follows redirects. */
  redirectBlob(): undefined {
    return undefined;
  }

  /** In the registry's own order. `next` has the size of page that was requested, or that the registry chose. */
  listTags(repository: string, page: PageRequest, options?: CallOptions): Promise<Served<Page<string>>> {
    return this.#read('NAME_UNKNOWN', async () => {
      const { tags, next } = await this.#upstream.listTags(repository, page, signalOf(options));
      return pageFrom(tags, page, next);
    });
  }

  /** By the referrers API; by the tag schema where the registry has none. */
  listReferrers(
    repository: string,
    digest: Digest,
    query: ReferrersQuery,
    options?: CallOptions,
  ): Promise<Served<ReferrersPage>> {
    return this.#read('NAME_UNKNOWN', async () =>
      pageOfReferrers(await this.#upstream.listReferrers(repository, digest, signalOf(options)), query),
    );
  }

  /** @throws {RegistryError} `UNSUPPORTED` where there is no catalog */
  async listRepositories(page: PageRequest, options?: CallOptions): Promise<Page<string>> {
    return this.#call(options, 'UNSUPPORTED', async (scope) => {
      const { repositories, next } = await listRepositories(this.#endpoint, page, scope);
      return pageFrom(repositories, page, next);
    });
  }

  /** One request for the reference, and one for each further tag. `subject` is absent when the registry has no referrers API. */
  async putManifest(repository: string, manifest: PushedManifest, options?: CallOptions): Promise<ManifestPut> {
    const { bytes, reference, tags } = manifest;
    const { references, mediaType: ownType } = parseManifest(bytes);
    const mediaType = manifest.mediaType ?? ownType;
    const put = (named: Reference) =>
      this.#write(
        { repository },
        { options, missing: 'NAME_UNKNOWN', request: (target) => putManifest(target, named, { mediaType, bytes }) },
      );
    const subject = await put(reference);
    for (const tag of tags) await put({ kind: 'tag', tag });
    const digest = digestOf(bytes, reference.kind === 'digest' ? digestAlgorithm(reference.digest) : undefined);
    return { mediaType, digest, size: bytes.length, subject: subject as Digest | undefined, references };
  }

  /** @returns the tag when one was deleted; a registry does not report the tags of a manifest that it deletes by digest */
  async deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]> {
    const path = `manifests/${referenceText(reference)}`;
    const request = (target: WriteTarget) => deleteContent(target, path);
    await this.#write({ repository }, { options, missing: 'MANIFEST_UNKNOWN', request });
    return reference.kind === 'tag' ? [reference.tag] : [];
  }

  async deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void> {
    const request = (target: WriteTarget) => deleteContent(target, `blobs/${digest}`);
    await this.#write({ repository }, { options, missing: 'BLOB_UNKNOWN', request });
  }

  /**
   * By `GET /v2/` without credentials, which no registry counts as a pull. Every response but a 5xx is a success.
   *
   * @throws {RegistryError} `UNAVAILABLE`
   */
  ping(options?: CallOptions): Promise<void> {
    return withRemoteErrors('UNAVAILABLE', () => this.#upstream.ping(signalOf(options)));
  }

  /** Ends the connections; requests in progress fail. */
  close(): Promise<void> {
    return this.#upstream.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #fetchManifest(repository: string, reference: Reference, options: CallOptions | undefined): Promise<Manifest> {
    const fetched = await this.#upstream.fetchManifest(repository, reference, signalOf(options));
    const { bytes, mediaType, claimedDigest } = fetched;
    const expected = reference.kind === 'digest' ? reference.digest : claimedDigest;
    const digest = digestOf(bytes, expected && digestAlgorithm(expected));
    if (expected !== undefined && digest !== expected) {
      const message = `${this.host}: the manifest is damaged: received ${digest}, expected ${expected}`;
      throw new RegistryError('UNAVAILABLE', message, {
        status: 502,
        cause: new DigestMismatchError(expected, digest),
      });
    }
    return { mediaType, digest, size: bytes.length, bytes };
  }

  async #countBytes(repository: string, digest: Digest, options: CallOptions | undefined): Promise<number> {
    const { body } = await this.#upstream.openBlob(repository, digest, signalOf(options));
    return countBytes(body);
  }

  async #read<T extends object>(missing: RegistryErrorCode, request: () => Promise<T>): Promise<Served<T>> {
    const startedAt = performance.now();
    const found = await withRemoteErrors(missing, request);
    return { ...found, outcome: 'BYPASS', upstream: this.host, upstreamMs: performance.now() - startedAt };
  }

  #write<T>(
    target: Pick<WriteTarget, 'repository' | 'mountFrom'>,
    { options, missing, request }: WriteCall<T>,
  ): Promise<T> {
    return this.#call(options, missing, (scope) => request({ ...target, endpoint: this.#endpoint, scope }));
  }

  async #call<T>(
    options: CallOptions | undefined,
    missing: RegistryErrorCode,
    request: (scope: CallScope) => Promise<T>,
  ): Promise<T> {
    const scope = new CallScope(this.host, signalOf(options));
    try {
      return await withRemoteErrors(missing, () => request(scope));
    } finally {
      scope.close();
    }
  }
}

interface WriteCall<T> {
  readonly options: CallOptions | undefined;
  /** Code for a 404. */
  readonly missing: RegistryErrorCode;
  readonly request: (target: WriteTarget) => Promise<T>;
}

function signalOf({ signal }: CallOptions = {}): { readonly signal?: AbortSignal } {
  return signal ? { signal } : {};
}

function pageFrom(entries: readonly string[], { n }: PageRequest, next: PageRequest | undefined): Page<string> {
  const last = next?.last;
  return { entries, next: last === undefined ? undefined : { n: next?.n ?? n ?? entries.length, last } };
}
