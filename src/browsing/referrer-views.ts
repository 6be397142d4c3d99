import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import { OCI_MANIFEST } from '../oci/media-types.ts';
import type { ReferrerKind, ReferrerList, ReferrerView } from '../operations/manifest-control.ts';
import type { BrowsedStore } from './browsed-store.ts';
import { TextLimit } from './cut-text.ts';
import { COSIGN_SUFFIXES, referrerKind } from './referrer-kind.ts';

const MAX_REFERRERS = 100;
const TEXT_BYTES = 512 * 1024;
const MAX_TYPE = 200;
const ANNOTATIONS = { entries: 30, length: 1024 };

interface Listed extends Pick<ReferrerList, 'source'> {
  readonly manifests: readonly ManifestDescriptor[];
  readonly isLast: boolean;
}

/** Attachments of manifests, for people. */
export class ReferrerViews {
  readonly #store: BrowsedStore;

  constructor(store: BrowsedStore) {
    this.#store = store;
  }

  async stored(repository: string, digest: Digest): Promise<ReferrerList> {
    const { manifests, next } = await this.#store.referrers.list(repository, digest, { n: MAX_REFERRERS });
    return this.listed(repository, digest, { source: 'cache', manifests, isLast: next === undefined });
  }

  /** With what cosign has attached by tags, as far as it is stored. */
  async listed(repository: string, digest: Digest, { source, manifests, isLast }: Listed): Promise<ReferrerList> {
    const limit = new TextLimit(TEXT_BYTES);
    const listed = manifests.slice(0, MAX_REFERRERS).map((each) => this.#view(repository, each, limit));
    const tagged = Object.entries(COSIGN_SUFFIXES).map(([suffix, kind]) =>
      this.#tagged(repository, `${digestAlgorithm(digest)}-${digestHex(digest)}.${suffix}`, kind),
    );
    const referrers = [...(await Promise.all(listed)), ...(await Promise.all(tagged)).flat()];
    const truncated = !isLast || manifests.length > MAX_REFERRERS || limit.isCut;
    return { source, referrers, truncated };
  }

  async #view(repository: string, descriptor: ManifestDescriptor, limit: TextLimit): Promise<ReferrerView> {
    const { digest, mediaType, artifactType, annotations, size } = descriptor;
    return {
      digest,
      kind: referrerKind(descriptor),
      artifactType: artifactType === undefined ? undefined : limit.cut(artifactType, MAX_TYPE),
      mediaType: limit.cut(mediaType, MAX_TYPE),
      size,
      cached: await this.#store.repositories.isLinked(repository, { digest, kind: 'manifest' }),
      annotations: limit.record(annotations, ANNOTATIONS),
    };
  }

  async #tagged(repository: string, tag: string, kind: ReferrerKind): Promise<ReferrerView[]> {
    const found = await this.#store.tags.find(repository, tag);
    const manifest = found && (await this.#store.manifests.read(repository, found.digest));
    if (!found || !manifest) return [];
    const { bytes } = manifest.stored;
    const size = bytes.length;
    return [{ digest: found.digest, kind, mediaType: OCI_MANIFEST, size, cached: true, annotations: { tag } }];
  }
}
