import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import type {
  CallOptions,
  Manifest,
  ManifestPut,
  OpenBlob,
  PushedManifest,
  RedirectedBlob,
  RedirectRequest,
  Registry,
  Served,
  UploadWriter,
} from '../registry/registry.ts';
import type { AccessCaller, WantedContent } from '../registry/repository-access.ts';
import type { Admission } from './logins.ts';

/** Decides whether a client may read a repository. @throws {RegistryError} when it may not */
export interface Admitting {
  admit(repository: string, caller: AccessCaller, wanted: WantedContent): Admission | Promise<Admission>;
}

/**
 * An upstream as one client may use it. Reads are decided before any look-up, and reach the upstream with the client's login. Writes are
 * not decided here.
 */
export class PermittedRegistry implements Registry {
  readonly #registry: Registry;
  readonly #access: Admitting;
  readonly #caller: AccessCaller;
  #decided: { readonly repository: string; readonly admission: Admission | Promise<Admission> } | undefined;

  constructor(registry: Registry, access: Admitting, caller: AccessCaller) {
    this.#registry = registry;
    this.#access = access;
    this.#caller = caller;
  }

  resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>> {
    return this.#read(repository, { kind: 'manifest', reference }, ({ login }) =>
      this.#registry.resolveManifest(repository, reference, { ...callOf(options), login }),
    );
  }

  getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Manifest>> {
    return this.#read(repository, { kind: 'manifest', reference }, ({ login }) =>
      this.#registry.getManifest(repository, reference, { ...callOf(options), login }),
    );
  }

  resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>> {
    return this.#read(repository, { kind: 'blob', digest }, ({ login }) =>
      this.#registry.resolveBlob(repository, digest, { ...callOf(options), login }),
    );
  }

  openBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<OpenBlob>> {
    return this.#read(repository, { kind: 'blob', digest }, ({ login }) =>
      this.#registry.openBlob(repository, digest, { ...callOf(options), login }),
    );
  }

  /** Private blobs are not redirected: any holder of a signed URL could read them. */
  async redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> {
    const { isPrivate } = await this.#admit(repository, { kind: 'blob', digest });
    return isPrivate ? undefined : this.#registry.redirectBlob(repository, digest, request);
  }

  listTags(repository: string, page: PageRequest, options?: CallOptions): Promise<Served<Page<string>>> {
    return this.#read(repository, { kind: 'tags' }, ({ login }) =>
      this.#registry.listTags(repository, page, { ...callOf(options), login }),
    );
  }

  listReferrers(
    repository: string,
    digest: Digest,
    query: ReferrersQuery,
    options?: CallOptions,
  ): Promise<Served<ReferrersPage>> {
    return this.#read(repository, { kind: 'manifest', reference: { kind: 'digest', digest } }, ({ login }) =>
      this.#registry.listReferrers(repository, digest, query, { ...callOf(options), login }),
    );
  }

  listRepositories(page: PageRequest, options?: CallOptions): Promise<Page<string>> {
    return this.#registry.listRepositories(page, options);
  }

  get uploads(): UploadWriter {
    return this.#registry.uploads;
  }

  putManifest(repository: string, manifest: PushedManifest, options?: CallOptions): Promise<ManifestPut> {
    return this.#registry.putManifest(repository, manifest, options);
  }

  deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]> {
    return this.#registry.deleteManifest(repository, reference, options);
  }

  deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void> {
    return this.#registry.deleteBlob(repository, digest, options);
  }

  /** Once for the request, which may lead to several calls for its repository. */
  #admit(repository: string, wanted: WantedContent): Admission | Promise<Admission> {
    if (this.#decided?.repository === repository) return this.#decided.admission;
    const admission = this.#access.admit(repository, this.#caller, wanted);
    this.#decided = { repository, admission };
    return admission;
  }

  async #read<T extends object>(
    repository: string,
    wanted: WantedContent,
    read: (admission: Admission) => Promise<Served<T>>,
  ): Promise<Served<T>> {
    const decided = this.#admit(repository, wanted);
    const admission = decided instanceof Promise ? await decided : decided;
    const served = await read(admission);
    return admission.isPrivate ? { ...served, isPrivate: true } : served;
  }
}

/** Field by field: an exchange, which routes pass, has getters. */
function callOf(options: CallOptions | undefined): CallOptions {
  if (!options) return {};
  const { signal, caller, background, bandwidth } = options;
  return { signal, caller, background, bandwidth };
}
