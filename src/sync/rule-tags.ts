import type { SyncRuleConfig } from '../config/config.ts';
import { parsePlatform, type Platform } from '../images/platform.ts';
import { BackgroundRegistry, type CachedUpstream } from '../jobs/background-registry.ts';
import { failureOf, type ImageToWarm, type ImageWarmerOptions, reasonOf } from '../jobs/image-warmer.ts';
import type { Digest } from '../oci/digest.ts';
import type { JobImage } from '../operations/job-control.ts';
import type { Manifest } from '../registry/registry.ts';
import { findTags } from './find-tags.ts';
import type { ImageToPush } from './push-image.ts';

/** An upstream whose cached content is known. */
export interface SyncedUpstream extends CachedUpstream {
  cachedTags(repository: string): Promise<readonly string[]>;
  /** Without the upstream. */
  cachedManifest(repository: string, digest: Digest): Promise<Manifest | undefined>;
  /** Its image stays until it expires. */
  removeCachedTag(repository: string, tag: string): Promise<void>;
}

export interface SyncCache extends ImageWarmerOptions {
  readonly find: (host: string, repository: string) => { readonly registry: SyncedUpstream; readonly stored: string };
}

export type RuleImage = ImageToWarm & { readonly location: ImageToPush['location'] };

/** What a rule is about now. */
export interface FoundImages {
  readonly images: readonly RuleImage[];
  /** Cached tags that their upstream no longer lists. */
  readonly gone: readonly RuleImage[];
  /** Repositories whose tags could not be listed. */
  readonly failed: readonly JobImage[];
}

type Repository = SyncRuleConfig['repositories'][number];

/** Finds the images of a rule, with one list of tags for each repository. */
export class RuleTags {
  readonly #rule: SyncRuleConfig;
  readonly #cache: SyncCache;
  readonly #platforms: readonly Platform[];

  constructor(rule: SyncRuleConfig, cache: SyncCache) {
    this.#rule = rule;
    this.#cache = cache;
    this.#platforms = rule.platforms.map(parsePlatform);
  }

  /** A repository that fails does not end it. @throws the reason of the signal */
  async find(signal: AbortSignal): Promise<FoundImages> {
    const found: { images: RuleImage[]; gone: RuleImage[]; failed: JobImage[] } = { images: [], gone: [], failed: [] };
    for (const repository of this.#rule.repositories) {
      try {
        const { selected, gone } = await this.#tagsOf(repository, signal);
        for (const tag of selected) found.images.push(this.#image(repository, tag));
        for (const tag of gone) found.gone.push(this.#image(repository, tag));
      } catch (err) {
        signal.throwIfAborted();
        const name = `${repository.upstream}/${repository.repository}`;
        found.failed.push({ name, bytes: 0, spent: 0, outcome: failureOf(err, undefined), reason: reasonOf(err) });
      }
    }
    return found;
  }

  async #tagsOf({ upstream, repository }: Repository, signal: AbortSignal) {
    const { find, fetching } = this.#cache;
    const { registry, stored } = find(upstream, repository);
    const listed = new BackgroundRegistry({ registry, stored, class: 'sync', signal, fetching });
    const cached = await registry.cachedTags(repository);
    return findTags({ upstream, repository, registry: listed, cached }, this.#rule.tags, signal);
  }

  #image({ upstream, repository }: Repository, tag: string): RuleImage {
    return {
      name: imageOf(upstream, repository, tag),
      location: { kind: 'registry', host: upstream, repository, tag, digest: undefined },
      platforms: this.#platforms,
      referrers: this.#rule.referrers,
      pin: false,
      missingOnly: false,
    };
  }
}

export function imageOf(host: string, repository: string, tag: string): string {
  return `${host}/${repository}:${tag}`;
}
