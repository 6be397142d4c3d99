import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Digest } from '../oci/digest.ts';
import type { ManifestReader } from '../usage/manifest-parts.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { PullRecord } from './pull-record.ts';
import { boundedText, printableText } from './recorded-text.ts';

const MAX_KNOWN = 10_000;
/** Images that many indexes share are base images, whose platform is the same in all. */
const MAX_PARENTS = 20;

type Child = Required<Pick<PullRecord, 'index'>> & Pick<PullRecord, 'platform'>;

/** Finds the index that a manifest was pulled from, and its platform there. */
export class ChildPlatforms {
  readonly #index: Pick<UsageIndex, 'parentsOf' | 'find'>;
  readonly #reader: ManifestReader;
  /** By repository and digest. */
  readonly #known: BoundedCache<Child> = createCountedCache({ maxEntries: MAX_KNOWN });

  constructor(index: Pick<UsageIndex, 'parentsOf' | 'find'>, reader: ManifestReader) {
    this.#index = index;
    this.#reader = reader;
  }

  /** The record with index and platform, if they are known. */
  async addTo(record: PullRecord): Promise<PullRecord> {
    const { kind, repository, digest } = record;
    if (kind !== 'pull' || digest === undefined) return record;
    const key = `${repository}@${digest}`;
    const child = this.#known.get(key) ?? (await this.#find(repository, digest));
    if (!child) return record;
    this.#known.set(key, child);
    return { ...record, ...child };
  }

  async #find(repository: string, digest: Digest): Promise<Child | undefined> {
    let read = 0;
    for await (const index of this.#index.parentsOf(digest)) {
      if (++read > MAX_PARENTS) return undefined;
      if (!(await this.#index.find({ repository, digest: index, kind: 'manifest' }))) continue;
      const found = await this.#reader.read(repository, index);
      const descriptor = found?.reading.manifest.references.find((each) => each.digest === digest);
      if (descriptor) return { index, platform: platformText(descriptor.platform) };
    }
    return undefined;
  }
}

/** `linux/arm64/v8`. @returns undefined when the index has none */
function platformText(platform: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const { os, architecture, variant } = platform ?? {};
  const parts = [os, architecture, variant].filter((part): part is string => typeof part === 'string' && part !== '');
  return parts.length === 0 ? undefined : printableText(boundedText(parts.join('/')));
}
