import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type {
  CallOptions,
  MountedBlob,
  MountSource,
  UploadBody,
  UploadSession,
  UploadWriter,
} from '../registry/registry.ts';
import {
  appendToUpload,
  cancelUpload,
  findUpload,
  finishUpload,
  startUpload,
  type WriteTarget,
} from '../upstream/write-requests.ts';
import { type KnownUpload, UploadStates } from './upload-state.ts';

export interface RemoteUploadsOptions {
  /** Calls the registry; its failures are {@link RegistryError}s. */
  readonly call: <T>(
    target: Pick<WriteTarget, 'repository' | 'mountFrom'>,
    options: CallOptions | undefined,
    request: (target: WriteTarget) => Promise<T>,
  ) => Promise<T>;
  readonly resolveBlob: (repository: string, digest: Digest, options?: CallOptions) => Promise<Descriptor>;
}

/** Sessions that a registry began in place of a mount, kept for the upload that follows. */
const MAX_UNMOUNTED = 100;

/**
 * Upload sessions of a remote registry. `state` is good for this object only. `UNAUTHORIZED` of `append` and `finish` may mean that
 * credentials expired after the body had begun: find the session and send the rest.
 */
export class RemoteUploads implements UploadWriter {
  /** The registry's own minimum is not known. */
  readonly minChunkBytes = 0;
  readonly #options: RemoteUploadsOptions;
  readonly #states = new UploadStates();
  readonly #unmounted: { readonly repository: string; readonly upload: KnownUpload }[] = [];

  constructor(options: RemoteUploadsOptions) {
    this.#options = options;
  }

  async start(repository: string, _algorithm: DigestAlgorithm, options?: CallOptions): Promise<UploadSession> {
    const at = this.#unmounted.findLastIndex((one) => one.repository === repository);
    const [begun] = at === -1 ? [] : this.#unmounted.splice(at, 1);
    if (begun) return this.#states.seal(repository, begun.upload);
    const upload = await this.#options.call({ repository }, options, (target) => startUpload(target));
    if (!upload) throw new RegistryError('UNAVAILABLE', 'the registry returned 201 for the start of an upload');
    return this.#states.seal(repository, { ...upload, mountFrom: undefined });
  }

  find(repository: string, upload: UploadReference, options?: CallOptions): Promise<UploadSession> {
    return this.#continue(repository, upload, { options, request: findUpload });
  }

  append(repository: string, upload: UploadReference, body: UploadBody, options?: CallOptions): Promise<UploadSession> {
    return this.#continue(repository, upload, {
      options,
      request: (target, known) => {
        checkOffset(body, known);
        return appendToUpload(target, known, body);
      },
    });
  }

  async finish(
    repository: string,
    upload: UploadReference,
    last: UploadBody & { readonly digest: Digest },
    options?: CallOptions,
  ): Promise<Descriptor> {
    const known = this.#states.open(repository, upload);
    checkOffset(last, known);
    const { mountFrom } = known;
    const size = await this.#options.call({ repository, mountFrom }, options, (target) =>
      finishUpload(target, known, last),
    );
    return { mediaType: OCTET_STREAM, digest: last.digest, size };
  }

  async cancel(repository: string, upload: UploadReference, options?: CallOptions): Promise<void> {
    const known = this.#states.open(repository, upload);
    const { mountFrom } = known;
    await this.#options.call({ repository, mountFrom }, options, (target) => cancelUpload(target, known));
  }

  /** From a named source only: otherwise the registry would choose one that this client may pull from, without a call of `mayPull`. */
  async mount(
    repository: string,
    digest: Digest,
    { from, mayPull, size }: MountSource,
    options?: CallOptions,
  ): Promise<MountedBlob | undefined> {
    if (from === undefined || !mayPull(from)) return undefined;
    const upload = await this.#options.call({ repository, mountFrom: from }, options, (target) =>
      startUpload(target, digest),
    );
    if (!upload) {
      const known = size ?? (await this.#options.resolveBlob(repository, digest, options)).size;
      return { mediaType: OCTET_STREAM, digest, size: known, from };
    }
    this.#unmounted.push({ repository, upload: { ...upload, mountFrom: from } });
    if (this.#unmounted.length > MAX_UNMOUNTED) this.#unmounted.shift();
    return undefined;
  }

  async #continue(
    repository: string,
    upload: UploadReference,
    { options, request }: { options: CallOptions | undefined; request: ContinueUpload },
  ): Promise<UploadSession> {
    const known = this.#states.open(repository, upload);
    const { mountFrom } = known;
    const next = await this.#options.call({ repository, mountFrom }, options, (target) => request(target, known));
    return this.#states.seal(repository, { ...next, mountFrom }, upload.id);
  }
}

type ContinueUpload = (target: WriteTarget, known: KnownUpload) => ReturnType<typeof findUpload>;

/** @throws {RegistryError} `RANGE_INVALID` before anything is sent */
function checkOffset({ offset }: UploadBody, { size }: KnownUpload): void {
  if (offset === undefined || offset === size) return;
  throw new RegistryError('RANGE_INVALID', `the chunk begins at byte ${offset}, and the upload has ${size} bytes`);
}
