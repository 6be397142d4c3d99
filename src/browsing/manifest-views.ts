import type { Digest } from '../oci/digest.ts';
import type { ManifestReference } from '../oci/manifest.ts';
import type { ImageConfig, ManifestPart, ManifestPlatform, ManifestView } from '../operations/manifest-control.ts';
import type { MayPull } from '../operations/repository-control.ts';
import { ContentSizes } from '../retention/content-sizes.ts';
import { readBounded } from '../stream/bounded-body.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { BrowsedManifest, BrowsedStore } from './browsed-store.ts';
import { isRecord, parseRecord, TextLimit } from './cut-text.ts';
import { readImageConfig } from './image-config.ts';
import { platformName } from './platform-name.ts';

export interface ManifestViewsOptions {
  readonly index: Pick<UsageIndex, 'find' | 'findAll' | 'partsOfAll' | 'holders'>;
  readonly store: Pick<BrowsedStore, 'blobs'>;
}

export interface ShownManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly tag: string | undefined;
  readonly manifest: BrowsedManifest;
}

/** For texts of the manifest and its config, as JSON; the rest of a response is bounded by its numbers. */
const TEXT_BYTES = 300 * 1024;
const RAW_BYTES = 300 * 1024;
const MAX_RAW = 256 * 1024;
const MAX_TYPE = 200;
const MAX_PLATFORMS = 200;
const MAX_PARTS = 500;
/** The parts whose other holders are looked up, and how many of these are shown. */
const MAX_SHARED = 100;
const MAX_HOLDERS = 10;
const MAX_CONFIG = 1024 * 1024;
/** In larger manifests, annotations of descriptors are not looked for. */
const MAX_PARSED = 1024 * 1024;
const ANNOTATIONS = { entries: 100, length: 1024 };

/** What stored manifests contain, for people. */
export class ManifestViews {
  readonly #options: ManifestViewsOptions;
  readonly #sizes: ContentSizes;

  constructor(options: ManifestViewsOptions) {
    this.#options = options;
    this.#sizes = new ContentSizes(options.index);
  }

  async of({ repository, digest, tag, manifest }: ShownManifest, mayPull: MayPull | undefined): Promise<ManifestView> {
    const { stored, reading } = manifest;
    const { artifactType, subject, annotations, references } = reading.manifest;
    const [limit, rawLimit] = [new TextLimit(TEXT_BYTES), new TextLimit(RAW_BYTES)];
    const record = await this.#options.index.find({ repository, digest, kind: 'manifest' });
    const children = references.filter(({ kind }) => kind === 'manifest');
    const others = references.filter(({ kind }) => kind !== 'manifest');
    const view = {
      repository,
      digest,
      tag,
      mediaType: limit.cut(stored.mediaType, MAX_TYPE),
      artifactType: artifactType === undefined ? undefined : limit.cut(artifactType, MAX_TYPE),
      structure: reading.structure,
      subject: subject?.digest,
      annotations: limit.record(annotations, ANNOTATIONS),
      config: await this.#config(repository, others, limit),
      platforms: await this.#platforms(repository, limit.first(children, MAX_PLATFORMS), { manifest, limit }),
      parts: await this.#parts(repository, limit.first(others, MAX_PARTS), { limit, mayPull }),
      size: record ? await this.#sizes.of(record) : 0,
      raw: rawLimit.cut(stored.bytes.subarray(0, MAX_RAW).toString()),
      rawSize: stored.bytes.length,
      flaw: reading.flaw,
    };
    return { ...view, truncated: limit.isCut || rawLimit.isCut || stored.bytes.length > MAX_RAW };
  }

  async #config(
    repository: string,
    references: readonly ManifestReference[],
    limit: TextLimit,
  ): Promise<ImageConfig | undefined> {
    const config = references.find(({ kind }) => kind === 'config');
    if (!config || config.size > MAX_CONFIG) return undefined;
    const source = await this.#options.store.blobs.open(repository, config.digest);
    if (!source) return undefined;
    try {
      const bytes = await readBounded(source.read({ start: 0, end: Math.min(source.size, MAX_CONFIG) }), MAX_CONFIG);
      const layers = references.filter(({ kind }) => kind === 'layer');
      return readImageConfig(bytes, layers, limit);
    } finally {
      await source.close();
    }
  }

  async #platforms(
    repository: string,
    children: readonly ManifestReference[],
    { manifest, limit }: { readonly manifest: BrowsedManifest; readonly limit: TextLimit },
  ): Promise<ManifestPlatform[]> {
    const attested = attestations(manifest.stored.bytes);
    return Promise.all(
      children.map(async ({ digest, mediaType, size, platform }) => {
        const record = await this.#options.index.find({ repository, digest, kind: 'manifest' });
        const attestationOf = attested.get(digest);
        return {
          platform: platformName(platform),
          digest,
          mediaType: limit.cut(mediaType, MAX_TYPE),
          size,
          storedSize: record ? await this.#sizes.of(record) : 0,
          cached: record !== undefined,
          attestationOf: attestationOf === undefined ? undefined : limit.cut(attestationOf, MAX_TYPE),
        };
      }),
    );
  }

  async #parts(
    repository: string,
    references: readonly ManifestReference[],
    { limit, mayPull }: { readonly limit: TextLimit; readonly mayPull: MayPull | undefined },
  ): Promise<ManifestPart[]> {
    const { index } = this.#options;
    const records = await index.findAll(
      references.map(({ digest }) => ({ repository, digest, kind: 'blob' as const })),
    );
    return Promise.all(
      references.map(async ({ kind, digest, mediaType, size }, i) => ({
        kind: kind === 'config' ? ('config' as const) : ('layer' as const),
        digest,
        mediaType: limit.cut(mediaType, MAX_TYPE),
        size,
        cached: records[i] !== undefined,
        sharedWith: i < MAX_SHARED ? await this.#sharedWith(repository, digest, mayPull) : [],
      })),
    );
  }

  async #sharedWith(repository: string, digest: Digest, mayPull: MayPull | undefined): Promise<string[]> {
    const holders = await this.#options.index.holders(digest, { limit: MAX_HOLDERS + 2 });
    const names = new Set(holders.map((holder) => holder.repository).filter((name) => name !== repository));
    const visible: string[] = [];
    for (const name of [...names].slice(0, MAX_HOLDERS)) {
      if (await (mayPull?.(name) ?? true)) visible.push(name);
    }
    return visible;
  }
}

/** Which manifests of an index are attestations of BuildKit, and of which others. */
function attestations(bytes: Buffer): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const { manifests } = (bytes.length > MAX_PARSED ? undefined : parseRecord(bytes)) ?? {};
  for (const entry of Array.isArray(manifests) ? manifests : []) {
    const { digest, annotations } = isRecord(entry) ? entry : {};
    const subject = isRecord(annotations) ? annotations['vnd.docker.reference.digest'] : undefined;
    if (typeof digest === 'string' && typeof subject === 'string') found.set(digest, subject);
  }
  return found;
}
