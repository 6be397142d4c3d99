import { createHash } from 'node:crypto';

import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import type { ManifestReference } from '../oci/manifest.ts';
import { NON_DISTRIBUTABLE_LAYERS } from '../oci/media-types.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import { DigestMismatchError, verifyDigest } from '../stream/verify-digest.ts';
import type { BlobStore } from './blobs.ts';
import type { ManifestStore } from './manifests.ts';
import type { ReferrerStore } from './referrers.ts';
import type { TagStore } from './tags.ts';

/** The parts of an image that clients pull, in one repository. */
export interface CheckedImage {
  /** Stored name. */
  readonly repository: string;
  /** Absent for an image that is pulled by digest. */
  readonly tag?: string | undefined;
  readonly digest: Digest;
  /** Of an index: the manifests to check. Empty: all. */
  readonly manifests: readonly Digest[];
  readonly attachments: readonly { readonly digest: Digest; readonly tag?: string | undefined }[];
  /** Also read the blobs and compare their digests. */
  readonly read: boolean;
}

/** A reason why a client cannot pull the image from storage. */
export interface MissingPart {
  readonly part: 'tag' | 'manifest' | 'blob' | 'attachment';
  readonly digest: Digest;
  /** The manifest right below the root that needs it, or the attachment. Absent for the root itself. */
  readonly of?: Digest;
  readonly problem: string;
}

export interface CheckStore {
  readonly blobs: Pick<BlobStore, 'stat' | 'open'>;
  readonly manifests: Pick<ManifestStore, 'read'>;
  readonly tags: Pick<TagStore, 'find'>;
  readonly referrers: Pick<ReferrerStore, 'list'>;
}

const NOT_STORED = 'is not stored';
/** An index of indexes of … */
const MAX_DEPTH = 8;

/**
 * Follows an image from its tag to its last blob, in storage alone. Empty when a client can pull all of it.
 *
 * @param refusals content that no client gets, stored or not
 */
export async function findMissing(
  store: CheckStore,
  image: CheckedImage,
  refusals: ContentRefusals,
): Promise<MissingPart[]> {
  const check = new ImageCheck(store, image, refusals);
  if (image.tag !== undefined) await check.tag(image.tag, image.digest);
  await check.manifest(image.digest, { of: undefined, depth: 0 });
  for (const { digest, tag } of image.attachments) {
    await check.manifest(digest, { of: digest, depth: 1 });
    if (tag === undefined) await check.referrer(digest);
    else await check.tag(tag, digest);
  }
  return check.missing;
}

interface Place {
  readonly of: Digest | undefined;
  readonly depth: number;
}

class ImageCheck {
  readonly missing: MissingPart[] = [];
  readonly #store: CheckStore;
  readonly #image: CheckedImage;
  readonly #refusals: ContentRefusals;
  readonly #seen = new Set<Digest>();

  constructor(store: CheckStore, image: CheckedImage, refusals: ContentRefusals) {
    this.#store = store;
    this.#image = image;
    this.#refusals = refusals;
  }

  async tag(tag: string, digest: Digest): Promise<void> {
    const found = await this.#store.tags.find(this.#image.repository, tag);
    if (!found) this.#add('tag', digest, { of: undefined, problem: `the tag ${tag} ${NOT_STORED}` });
    else if (found.digest !== digest)
      this.#add('tag', digest, { of: undefined, problem: `the tag ${tag} is ${found.digest}` });
  }

  async manifest(digest: Digest, { of, depth }: Place): Promise<void> {
    if (this.#seen.has(digest) || depth > MAX_DEPTH) return;
    this.#seen.add(digest);
    if (this.#isRefused('manifest', digest, of)) return;
    const found = await this.#store.manifests.read(this.#image.repository, digest);
    if (!found) {
      this.#add('manifest', digest, { of, problem: NOT_STORED });
      return;
    }
    const { references } = found.reading.manifest;
    for (const part of depth === 0 ? this.#chosen(references) : references) {
      const place = { of: depth === 0 && part.kind === 'manifest' ? part.digest : of, depth: depth + 1 };
      if (part.kind === 'manifest') await this.manifest(part.digest, place);
      else await this.#blob(part, place);
    }
  }

  /** Whether the list of referrers has it, by which clients find it. */
  async referrer(digest: Digest): Promise<void> {
    const { repository } = this.#image;
    const subject = (await this.#store.manifests.read(repository, digest))?.reading.manifest.subject;
    if (!subject) return;
    const { manifests } = await this.#store.referrers.list(repository, subject.digest);
    if (manifests.some((one) => one.digest === digest)) return;
    this.#add('attachment', digest, { of: digest, problem: `is not in the referrers of ${subject.digest}` });
  }

  #chosen(references: readonly ManifestReference[]): readonly ManifestReference[] {
    const { manifests } = this.#image;
    return references.filter(
      ({ kind, digest }) => kind !== 'manifest' || manifests.length === 0 || manifests.includes(digest),
    );
  }

  async #blob({ digest, size, mediaType }: ManifestReference, { of }: Place): Promise<void> {
    if (this.#seen.has(digest) || NON_DISTRIBUTABLE_LAYERS.includes(mediaType)) return;
    this.#seen.add(digest);
    if (this.#isRefused('blob', digest, of)) return;
    const stored = await this.#store.blobs.stat(this.#image.repository, digest);
    if (stored === undefined) this.#add('blob', digest, { of, problem: NOT_STORED });
    else if (stored !== size) this.#add('blob', digest, { of, problem: `has ${stored} bytes and not ${size}` });
    else if (this.#image.read && !(await this.#isIntact(digest)))
      this.#add('blob', digest, { of, problem: 'is damaged' });
  }

  async #isIntact(digest: Digest): Promise<boolean> {
    const source = await this.#store.blobs.open(this.#image.repository, digest);
    if (!source) return false;
    try {
      const hash = createHash(digestAlgorithm(digest));
      const chunks = source.read({ start: 0, end: source.size });
      for await (const _ of verifyDigest(chunks, { digest, hash, length: source.size }));
      return true;
    } catch (err) {
      if (err instanceof DigestMismatchError) return false;
      throw err;
    } finally {
      await source.close();
    }
  }

  #isRefused(part: MissingPart['part'], digest: Digest, of: Digest | undefined): boolean {
    const refusal = this.#refusals.ofDigest(this.#image.repository, digest);
    if (refusal) this.#add(part, digest, { of, problem: refusal.message });
    return refusal !== undefined;
  }

  #add(part: MissingPart['part'], digest: Digest, { of, problem }: { of: Digest | undefined; problem: string }): void {
    this.missing.push({ part, digest, ...(of !== undefined && { of }), problem });
  }
}
