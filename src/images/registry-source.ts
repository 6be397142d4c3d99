import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestOf } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import { downloadBlob } from '../fills/blob-download.ts';
import type { RegistryClient } from '../upstream/registry-client.ts';
import { ImageError } from './image-error.ts';
import type { ImageManifest, ImageSource } from './image-source.ts';
import type { RegistryLocation } from './location.ts';

/** An image in a registry. A broken download goes on by `Range`. */
export class RegistrySource implements ImageSource {
  readonly name: string;
  readonly tag: string | undefined;
  readonly fullName: string | undefined;
  readonly repository: { readonly host: string; readonly name: string };
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #signal: AbortSignal;

  constructor(
    client: RegistryClient,
    { host, repository, tag, digest }: RegistryLocation,
    { signal }: { readonly signal: AbortSignal },
  ) {
    this.#client = client;
    this.#signal = signal;
    this.repository = { host, name: repository };
    this.tag = tag ?? (digest === undefined ? 'latest' : undefined);
    this.fullName = this.tag === undefined ? undefined : `${host}/${repository}:${this.tag}`;
    this.#reference = digest === undefined ? { kind: 'tag', tag: this.tag ?? 'latest' } : { kind: 'digest', digest };
    this.name = `${host}/${repository}${digest === undefined ? `:${this.tag}` : `@${digest}`}`;
  }

  async root(): Promise<ImageManifest> {
    const fetched = await this.#client.reader.fetchManifest(this.repository.name, this.#reference, {
      signal: this.#signal,
    });
    const { bytes, mediaType, claimedDigest } = fetched;
    const expected = this.#reference.kind === 'digest' ? this.#reference.digest : claimedDigest;
    const digest = digestOf(bytes, expected && digestAlgorithm(expected));
    if (expected !== undefined && digest !== expected) {
      throw new ImageError(`${this.name}: the manifest is damaged: ${digest} came for ${expected}`);
    }
    return { mediaType, digest, size: bytes.length, bytes };
  }

  async manifest({ digest }: Descriptor): Promise<Buffer> {
    const reference: Reference = { kind: 'digest', digest };
    const { bytes } = await this.#client.reader.fetchManifest(this.repository.name, reference, {
      signal: this.#signal,
    });
    return bytes;
  }

  blob(
    { digest, size }: Descriptor,
    { start, signal }: { start: number; signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    const { name: repository } = this.repository;
    return downloadBlob({ upstream: this.#client.reader, repository, digest }, { start, size, signal });
  }

  referrers(digest: Digest): Promise<readonly ManifestDescriptor[]> {
    return this.#client.reader.listReferrers(this.repository.name, digest, { signal: this.#signal });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
