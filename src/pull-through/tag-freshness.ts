import { createCountedCache } from '../cache/lru.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import {
  type FailurePolicy,
  type Freshness,
  type FreshnessPolicy,
  type TagRules,
  tagFreshness,
  tagPolicy,
} from './freshness.ts';
import type { TagEntry } from './tag-entries.ts';

export interface TagFreshnessOptions {
  readonly policy: TagRules & FailurePolicy;
  readonly offline: boolean;
  readonly refusals: ContentRefusals;
  readonly now: () => number;
}

/** By tag, which has at most 128 characters. */
const MAX_POLICIES = 5_000;

/** How the tags of one upstream may be served. Rules are matched once for each tag: every warm pull needs the result. */
export class TagFreshness {
  readonly #options: TagFreshnessOptions;
  readonly #policies = createCountedCache<FreshnessPolicy>({ maxEntries: MAX_POLICIES });

  constructor(options: TagFreshnessOptions) {
    this.#options = options;
  }

  /** @param stored name of the repository. A tag that refers to refused content is revalidated: it may have been corrected. */
  isFresh(stored: string, tag: string, entry: TagEntry): boolean {
    return this.of(tag, entry) === 'fresh' && !this.#options.refusals.ofDigest(stored, entry.digest);
  }

  of(tag: string, entry: TagEntry): Freshness {
    return tagFreshness(entry, this.policyOf(tag), this.#options.now());
  }

  policyOf(tag: string): FreshnessPolicy {
    const known = this.#policies.get(tag);
    if (known) return known;
    const { policy, offline } = this.#options;
    const made = { ...tagPolicy(tag, policy), offline };
    this.#policies.set(tag, made);
    return made;
  }
}
