import type { Page } from '../oci/pagination.ts';
import type { StorageDriver, UnreadablePathError } from '../storage/driver.ts';
import type { BlobLinks } from './blob-links.ts';
import { type CatalogRequest, listRepositories } from './catalog.ts';
import type { DamageListener } from './damage.ts';
import { removeEmptyRepository } from './empty-repository.ts';
import { type StoredLink, walkLinks, walkRepositories } from './inventory.ts';
import type { ManifestFiles } from './manifest-files.ts';
import type { UnreadableListener } from './readable.ts';

const MAX_REPORTED = 1_000;

export interface RepositoryStoreOptions {
  readonly driver: StorageDriver;
  readonly blobs: BlobLinks;
  readonly manifests: ManifestFiles;
  readonly onDamage: DamageListener;
}

/** Which repositories there are, and what they link. */
export class RepositoryStore {
  readonly #options: RepositoryStoreOptions;
  /** Unreadable directories that were reported, each once. */
  readonly #reported = new Set<string>();

  constructor(options: RepositoryStoreOptions) {
    this.#options = options;
  }

  /** Repositories for `_catalog`. */
  list(request: CatalogRequest): Promise<Page<string>> {
    return listRepositories(this.#options.driver, request, (error) => this.#report(error));
  }

  /** Every repository that has content. @param onUnreadable called with directories that may hold more; they are also reported as damage */
  walk(onUnreadable: UnreadableListener = () => {}): AsyncGenerator<string, void, void> {
    return walkRepositories(this.#options.driver, (error) => {
      this.#report(error);
      onUnreadable(error);
    });
  }

  /** What a repository has, judging by its directories: a directory may be left without its link. */
  links(repository: string): AsyncGenerator<StoredLink, void, void> {
    return walkLinks(this.#options.driver, repository);
  }

  /** Whether the repository links the digest. Its bytes may be missing. */
  isLinked(repository: string, { digest, kind }: StoredLink): Promise<boolean> {
    const { blobs, manifests } = this.#options;
    return kind === 'manifest' ? manifests.has(repository, digest) : blobs.has(repository, digest);
  }

  /** Removes a repository without content, so that it is not listed. One that has content or an upload stays. */
  removeEmpty(repository: string): Promise<void> {
    return removeEmptyRepository(this.#options.driver, repository);
  }

  #report({ path }: UnreadablePathError): void {
    if (this.#reported.has(path)) return;
    if (this.#reported.size < MAX_REPORTED) this.#reported.add(path);
    this.#options.onDamage({ path, reason: 'unreadable' });
  }
}
