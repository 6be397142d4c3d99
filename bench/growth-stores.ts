import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import {
  blobDataPath,
  layerLinkPath,
  referrerDirectory,
  referrersCompletePath,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../src/content/paths.ts';
import { type Digest, digestOf } from '../src/oci/digest.ts';
import { OCI_MANIFEST } from '../src/oci/media-types.ts';
import { LmdbIndex } from '../src/usage/lmdb-index.ts';
import type { ContentReference } from '../src/usage/usage-index.ts';

/** Names in the order of their numbers. */
export function numbered(prefix: string, i: number): string {
  return `${prefix}-${String(i).padStart(7, '0')}`;
}

const REFERRER_TYPES = ['application/vnd.example.signature', 'application/vnd.example.sbom'] as const;
/** One referrer in a thousand. */
export const RARE_TYPE = 'application/vnd.example.rare';
const EMPTY = Buffer.from('{}');
const TAGS_PER_MANIFEST = 100;

/** Content written straight into a directory of the storage, as pushing so much of it would take an hour. */
export class StoreWriter {
  readonly #root: string;
  readonly #directories = new Set<string>();
  readonly #links: (ContentReference & { readonly size: number })[] = [];

  constructor(root: string) {
    this.#root = root;
    this.#write(blobDataPath(digestOf(EMPTY)), EMPTY);
  }

  /** @returns the digests of the manifests, each with a hundred tags */
  tags(repository: string, count: number): Digest[] {
    const digests: Digest[] = [];
    for (let i = 0; i < count; i++) {
      if (i % TAGS_PER_MANIFEST === 0) digests.push(this.manifest(repository, { annotations: { number: String(i) } }));
      const digest = digests.at(-1) as Digest;
      this.#link(tagIndexLinkPath(repository, numbered('tag', i), digest), digest);
      this.#link(tagLinkPath(repository, numbered('tag', i)), digest);
    }
    return digests;
  }

  /** Repositories with one image, the same in each. */
  repositories(prefix: string, count: number): void {
    for (let i = 0; i < count; i++) this.manifest(numbered(prefix, i), {});
  }

  /** @returns their subject */
  referrers(repository: string, count: number): Digest {
    const digest = this.manifest(repository, {});
    const subject = { mediaType: OCI_MANIFEST, digest, size: 2 };
    for (let i = 0; i < count; i++) {
      const artifactType = i % 1000 === 7 ? RARE_TYPE : REFERRER_TYPES[i % 2];
      const referrer = this.manifest(repository, { artifactType, subject, annotations: { number: String(i) } });
      this.#link(`${referrerDirectory(repository, digest, referrer)}/link`, referrer);
    }
    this.#write(referrersCompletePath(repository), '1');
    return digest;
  }

  /** Records everything in the index of use, which a server would otherwise do at its start. */
  async record(): Promise<void> {
    const index = await LmdbIndex.open({ directory: join(this.#root, 'layover/index') });
    await index.record(this.#links.map((link) => ({ ...link, at: Date.now() })));
    await index.setMarker('complete', 'yes');
    await index.close();
  }

  manifest(repository: string, fields: object): Digest {
    const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(EMPTY), size: EMPTY.length };
    const content = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: empty, layers: [], ...fields };
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    this.#write(blobDataPath(digest), bytes);
    this.#link(revisionLinkPath(repository, digest), digest);
    this.#link(layerLinkPath(repository, empty.digest), empty.digest);
    this.#links.push({ repository, digest, kind: 'manifest', size: bytes.length });
    this.#links.push({ repository, digest: empty.digest, kind: 'blob', size: EMPTY.length });
    return digest;
  }

  #link(path: string, digest: Digest): void {
    this.#write(path, digest);
  }

  #write(path: string, bytes: string | Buffer): void {
    const file = join(this.#root, path);
    const directory = dirname(file);
    if (!this.#directories.has(directory)) mkdirSync(directory, { recursive: true });
    this.#directories.add(directory);
    writeFileSync(file, bytes);
  }
}
