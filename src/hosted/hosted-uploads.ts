import { randomUUID } from 'node:crypto';

import type { ContentCache } from '../content/content-cache.ts';
import type { StoredUpload, UploadStore } from '../content/uploads.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type { BlobMounts } from './blob-mounts.ts';
import type {
  CallOptions,
  MountedBlob,
  MountSource,
  UploadBody,
  UploadSession,
  UploadWriter,
} from '../registry/registry.ts';
import type { UploadSecrets } from './upload-secrets.ts';
import { signUploadState, type UploadState, verifyUploadState } from './upload-state.ts';

export interface HostedUploadsOptions {
  readonly uploads: UploadStore;
  readonly mounts: BlobMounts;
  readonly secrets: UploadSecrets;
  /** Gets every stored blob. */
  readonly content: Pick<ContentCache, 'blobStored'>;
  readonly now: () => number;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A session that exists, or existed. */
type KnownUpload = Omit<StoredUpload, 'size'> & {
  /** Position from the signed state; absent when the client built the URL itself. */
  readonly offset: number | undefined;
};

/** Upload sessions of stored repositories. Repositories have their stored names. */
export class HostedUploads implements UploadWriter {
  readonly #options: HostedUploadsOptions;

  constructor(options: HostedUploadsOptions) {
    this.#options = options;
  }

  get minChunkBytes(): number {
    return this.#options.uploads.minChunkBytes;
  }

  async start(repository: string, algorithm: DigestAlgorithm, options?: CallOptions): Promise<UploadSession> {
    options?.signal?.throwIfAborted();
    const { uploads, now } = this.#options;
    const id = randomUUID();
    const upload = { startedAt: new Date(now()), algorithm };
    await uploads.start({ repository, id }, upload);
    return await this.#session(repository, id, { ...upload, size: 0 });
  }

  async find(repository: string, { id, state }: UploadReference, options?: CallOptions): Promise<UploadSession> {
    options?.signal?.throwIfAborted();
    if (state !== undefined) await this.#verified(repository, id, state);
    return await this.#session(repository, id, await this.#found(repository, id));
  }

  async append(
    repository: string,
    upload: UploadReference,
    body: UploadBody,
    options?: CallOptions,
  ): Promise<UploadSession> {
    options?.signal?.throwIfAborted();
    const { id } = upload;
    const known = await this.#known(repository, upload);
    const size = await this.#options.uploads.append({ repository, id: checkId(id) }, chunkOf(body, known));
    return await this.#session(repository, id, { ...known, size });
  }

  async finish(
    repository: string,
    upload: UploadReference,
    { digest, ...body }: UploadBody & { readonly digest: Digest },
    options?: CallOptions,
  ): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const { uploads, content } = this.#options;
    const known = await this.#known(repository, upload);
    const size = await uploads.finish({ repository, id: checkId(upload.id) }, chunkOf(body, known), digest);
    content.blobStored(repository, digest, size);
    return { digest, size, mediaType: OCTET_STREAM };
  }

  async cancel(repository: string, { id, state }: UploadReference, options?: CallOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (state !== undefined) await this.#verified(repository, id, state);
    await this.#options.uploads.cancel({ repository, id: checkId(id) });
  }

  async mount(
    repository: string,
    digest: Digest,
    source: MountSource,
    options?: CallOptions,
  ): Promise<MountedBlob | undefined> {
    options?.signal?.throwIfAborted();
    const { mounts, content } = this.#options;
    const mounted = await mounts.mount(repository, digest, source);
    if (mounted) content.blobStored(repository, digest, mounted.size);
    return mounted;
  }

  /** Resolves when all writes have ended. Called after the last request. */
  async close(): Promise<void> {
    await this.#options.uploads.settled();
  }

  async #known(repository: string, { id, state }: UploadReference): Promise<KnownUpload> {
    if (state === undefined) return { ...(await this.#found(repository, id)), offset: undefined };
    const { startedAt, algorithm, offset } = await this.#verified(repository, id, state);
    return { startedAt: new Date(startedAt), algorithm, offset };
  }

  async #found(repository: string, id: string): Promise<StoredUpload> {
    const found = await this.#options.uploads.find({ repository, id: checkId(id) });
    if (!found) throw unknownUpload();
    return found;
  }

  async #verified(repository: string, id: string, text: string): Promise<UploadState> {
    const state = verifyUploadState(text, await this.#options.secrets());
    if (state?.name === repository && state.id === id) return state;
    throw new RegistryError('BLOB_UPLOAD_INVALID', 'the _state of the URL is not one of this upload');
  }

  async #session(repository: string, id: string, { size, startedAt, algorithm }: StoredUpload): Promise<UploadSession> {
    const [secret] = await this.#options.secrets();
    const state = { name: repository, id, offset: size, startedAt: startedAt.toISOString(), algorithm };
    return { id, size, state: signUploadState(state, secret) };
  }
}

/** The position of a chunk without `Content-Range` is that of the URL. An empty one needs none. */
function chunkOf({ bytes, areChunksStable = false, offset, length }: UploadBody, known: KnownUpload) {
  return {
    bytes,
    isStable: areChunksStable,
    length,
    offset: offset ?? (length === 0 ? undefined : known.offset),
    isOneOfMany: offset !== undefined,
  };
}

/** The id becomes part of a path. @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` */
function checkId(id: string): string {
  if (!ID.test(id)) throw unknownUpload();
  return id;
}

function unknownUpload(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
}
