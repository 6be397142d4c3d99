import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { type ManifestReading, type ParsedManifest, readManifest } from '../oci/manifest.ts';
import { isManifestMediaType } from '../oci/media-types.ts';
import { FileTooLargeError, type StorageDriver, type WriteBatch } from '../storage/driver.ts';
import type { ContentWriter } from './content-writer.ts';
import type { Damage, DamageListener } from './damage.ts';
import { LinkStore, orUndefined } from './links.ts';
import { blobDataPath, revisionDirectory, revisionLinkPath, servedTypePath } from './paths.ts';

/** Manifests accepted under other limits are still served. Bytes. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
const MAX_MEDIA_TYPE_BYTES = 256;

export interface StoredManifest {
  /** Exactly as stored. */
  readonly bytes: Buffer;
  /** For the `Content-Type` header. */
  readonly mediaType: string;
  readonly digest: Digest;
}

/** A manifest to be stored. */
export interface NewManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** Media type to serve it with. Absent when it is that in the bytes. */
  readonly servedAs?: string | undefined;
}

export interface PutFilesOptions {
  readonly writer: ContentWriter;
  /** Writes an existing link again: its content is in use, and it is this caller's too. */
  readonly renewed?: boolean;
}

export interface ReadManifest {
  readonly stored: StoredManifest;
  readonly reading: ManifestReading;
}

export interface ManifestFilesOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  readonly onDamage: DamageListener;
}

/** The files of manifests: bytes stored like those of blobs, and a link in each repository that has them. Takes no locks. */
export class ManifestFiles {
  readonly #options: ManifestFilesOptions;

  constructor(options: ManifestFilesOptions) {
    this.#options = options;
  }

  /** Verified. Undefined when the repository does not have it, or its bytes do not match its digest any more. */
  async read(repository: string, digest: Digest): Promise<ReadManifest | undefined> {
    const bytes = await this.#findVerified(repository, digest);
    if (!bytes) return undefined;
    const reading = readingOf(bytes);
    if (!reading) return this.#damaged(digest, 'not-a-manifest');
    const mediaType = (await this.#findServedType(repository, digest)) ?? reading.manifest.mediaType;
    return { stored: { bytes, mediaType, digest }, reading };
  }

  /**
   * What the manifest refers to. Bytes that match the digest but are not a manifest refer to nothing.
   *
   * @returns undefined when the repository does not have it, or it is damaged
   */
  async findParts(
    repository: string,
    digest: Digest,
  ): Promise<Pick<ParsedManifest, 'references' | 'subject'> | undefined> {
    const bytes = await this.#findVerified(repository, digest);
    return bytes && (readingOf(bytes)?.manifest ?? { references: [] });
  }

  /** Whether the repository links the digest. Its bytes may be missing. */
  async has(repository: string, digest: Digest): Promise<boolean> {
    const path = revisionLinkPath(repository, digest);
    const target = await this.#options.links.find(path);
    if (target !== undefined && target !== digest) this.#options.onDamage({ path, reason: 'bad-link' });
    return target === digest;
  }

  /** Whether there is a link, damaged or not. */
  async isThere(repository: string, digest: Digest): Promise<boolean> {
    return (await orUndefined(this.#options.driver.stat(revisionLinkPath(repository, digest)))) !== undefined;
  }

  /**
   * @throws {RegistryError} `DIGEST_INVALID` when the bytes do not match the digest
   * @throws {StorageFullError}
   */
  async put(
    repository: string,
    { digest, bytes, servedAs }: NewManifest,
    { writer, renewed = false }: PutFilesOptions,
  ): Promise<void> {
    if (!isOf(digest, bytes)) throw new RegistryError('DIGEST_INVALID', `the bytes do not match ${digest}`);
    const stored = await this.#findBytes(digest);
    if (!stored?.equals(bytes)) await writer.writeSmall(blobDataPath(digest), bytes);
    else writer.relyOn(blobDataPath(digest));
    await this.#putServedType(repository, { digest, servedAs }, writer);
    const { links } = this.#options;
    const link = revisionLinkPath(repository, digest);
    await (renewed ? links.put(link, digest, writer) : links.putIfChanged(link, digest, writer));
  }

  /** Starts to write a manifest that {@link put} will be called for. */
  prepare(repository: string, { digest, bytes }: NewManifest, writer: ContentWriter): void {
    writer.prepare(blobDataPath(digest), bytes);
    writer.prepare(revisionLinkPath(repository, digest), Buffer.from(digest));
  }

  /** What there is of the manifest becomes durable with the batch. */
  relyOn(repository: string, digest: Digest, batch: WriteBatch): void {
    batch.relyOn(revisionLinkPath(repository, digest));
    batch.relyOn(blobDataPath(digest));
  }

  /** When the link was written. Unix milliseconds; undefined without one. */
  async linkedAt(repository: string, digest: Digest): Promise<number | undefined> {
    return (await orUndefined(this.#options.driver.stat(revisionLinkPath(repository, digest))))?.modifiedAt.getTime();
  }

  /** Bytes and tags stay. */
  async deleteLink(repository: string, digest: Digest): Promise<void> {
    await this.#options.driver.delete(revisionDirectory(repository, digest));
  }

  async #findVerified(repository: string, digest: Digest): Promise<Buffer | undefined> {
    if (!(await this.has(repository, digest))) return undefined;
    const bytes = await this.#findBytes(digest);
    if (!bytes) return this.#damaged(digest, 'missing-data');
    if (isOf(digest, bytes)) return bytes;
    return this.#damaged(digest, bytes.length === 0 ? 'empty-data' : 'wrong-bytes');
  }

  async #findServedType(repository: string, digest: Digest): Promise<string | undefined> {
    const read = this.#options.driver.readSmall(servedTypePath(repository, digest), MAX_MEDIA_TYPE_BYTES);
    const text = (await orUndefined(read))?.toString('latin1');
    return text !== undefined && isManifestMediaType(text) ? text : undefined;
  }

  async #putServedType(
    repository: string,
    { digest, servedAs }: Pick<NewManifest, 'digest' | 'servedAs'>,
    writer: ContentWriter,
  ): Promise<void> {
    const path = servedTypePath(repository, digest);
    if ((await this.#findServedType(repository, digest)) === servedAs) return;
    if (servedAs === undefined) await this.#options.driver.delete(path);
    else await writer.writeSmall(path, Buffer.from(servedAs));
  }

  async #findBytes(digest: Digest): Promise<Buffer | undefined> {
    try {
      return await orUndefined(this.#options.driver.readSmall(blobDataPath(digest), MAX_MANIFEST_BYTES));
    } catch (err) {
      if (err instanceof FileTooLargeError) return undefined;
      throw err;
    }
  }

  #damaged(digest: Digest, reason: Damage['reason']): undefined {
    this.#options.onDamage({ path: blobDataPath(digest), reason });
    return undefined;
  }
}

/** Reads manifests of a storage before there is a content store, for the usage record that the store writes to. */
export function createManifestReader(driver: StorageDriver, onDamage: DamageListener): Pick<ManifestFiles, 'read'> {
  return new ManifestFiles({ driver, onDamage, links: new LinkStore({ driver, onDamage }) });
}

function isOf(digest: Digest, bytes: Uint8Array): boolean {
  return digestOf(bytes, digestAlgorithm(digest)) === digest;
}

/** @returns undefined for bytes that are not a manifest */
function readingOf(bytes: Uint8Array): ManifestReading | undefined {
  try {
    return readManifest(bytes);
  } catch (err) {
    if (err instanceof RegistryError) return undefined;
    throw err;
  }
}
