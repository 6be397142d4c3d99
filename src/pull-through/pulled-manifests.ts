import { createCountedCache } from '../cache/lru.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OfflineError } from '../oci/errors.ts';
import type { Reference } from '../oci/reference.ts';
import { type FetchedManifest, type Upstream, type UpstreamCallOptions, UpstreamError } from '../upstream/upstream.ts';
import { type FailurePolicy, onRevalidationFailure, type TagRules } from './freshness.ts';
import { isDescribed, type PulledManifest, readPulled } from './pulled-manifest.ts';
import type { ManifestEvents } from './manifest-events.ts';
import type { HeldManifest } from '../registry/held-content.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { Manifest, Outcome } from '../registry/registry.ts';
import { SingleFlight } from './single-flight.ts';
import type { ContentCache } from '../content/content-cache.ts';
import type { TagEntries, TagEntry } from './tag-entries.ts';
import { TagFreshness } from './tag-freshness.ts';
import { loginKey } from './upstream-call-options.ts';

/** A repository of the upstream, with both its names. */
export interface PulledRepository {
  /** Name at the upstream. */
  readonly remote: string;
  /** Stored name. */
  readonly stored: string;
}

export interface PulledManifestsOptions {
  readonly upstream: Upstream;
  readonly content: ContentCache;
  readonly tags: TagEntries;
  readonly policy: TagRules & FailurePolicy;
  readonly offline: boolean;
  /** A fetched manifest has {@link KeptManifest.replaced}, which costs a read of each tag. @default false */
  readonly reportsReplaced?: boolean;
  /** Content that is neither served nor fetched. */
  readonly refusals: ContentRefusals;
  readonly events: ManifestEvents;
  readonly now: () => number;
}

export interface Found<T> {
  readonly content: T;
  readonly outcome: Outcome;
  /** The upstream was queried for it. */
  readonly isFromUpstream: boolean;
}

/** The digest that a tag points to, and where it came from. */
interface Resolved {
  readonly entry: TagEntry;
  readonly outcome: 'HIT' | 'STALE' | 'MISS';
  readonly isFromUpstream: boolean;
}

interface Revalidation {
  /** The entry that is served when it fails. */
  readonly usable: TagEntry | undefined;
  readonly call: PullCall;
}

/** For the calls to the upstream. @default a client pulls */
export type PullCall = Pick<UpstreamCallOptions, 'spending' | 'signal' | 'login'>;

const REFRESH: PullCall = { spending: { class: 'refresh' } };

/** Longest wait for the revalidation of a cached tag, token and retries included. Milliseconds. */
const REVALIDATION_BUDGET_MS = 1_500;
/** After a failure of the upstream: how long a cached tag is served without revalidation. Milliseconds. */
const FAILURE_HOLD_MS = 10_000;
const MAX_HOLD_MS = 60 * 60_000;
const MAX_DESCRIBED = 5_000;

/** A manifest; when it was fetched, the digests that tags had in storage before they referred to it. */
export interface KeptManifest extends Manifest {
  readonly replaced?: readonly Digest[];
}

export interface RefreshedTag {
  readonly digest: Digest;
  /** Absent when the tag was not cached. */
  readonly previous: Digest | undefined;
}

/** The manifests of one upstream: cached, revalidated, and fetched once for all waiting clients. */
export class PulledManifests {
  readonly #options: PulledManifestsOptions;
  readonly #fetches = new SingleFlight<KeptManifest>();
  readonly #resolutions = new SingleFlight<Resolved>();
  /** Media types sent in response to a `HEAD` before the manifest was fetched: a `GET` returns the same. */
  readonly #described = createCountedCache<{ readonly mediaType: string }>({ maxEntries: MAX_DESCRIBED });
  readonly #freshness: TagFreshness;

  constructor(options: PulledManifestsOptions) {
    this.#options = options;
    this.#freshness = new TagFreshness(options);
  }

  /** Without I/O: a manifest by digest, or by a tag that is fresh. */
  inMemory(repository: PulledRepository, reference: Reference): Manifest | undefined {
    const { content, tags, refusals } = this.#options;
    if (reference.kind === 'digest') {
      if (refusals.ofDigest(repository.stored, reference.digest)) return undefined;
      return content.manifestInMemory(repository.stored, reference.digest);
    }
    const entry = tags.inMemory(repository.stored, reference.tag);
    if (!entry || !this.#freshness.isFresh(repository.stored, reference.tag, entry)) return undefined;
    return content.manifestInMemory(repository.stored, entry.digest);
  }

  /** As {@link inMemory}, with the time for which it may be served. */
  held(repository: PulledRepository, reference: Reference): HeldManifest | undefined {
    const manifest = this.inMemory(repository, reference);
    if (!manifest || reference.kind === 'digest' || this.#options.offline) return manifest;
    const entry = this.#options.tags.inMemory(repository.stored, reference.tag);
    const ageMs = entry && this.#options.now() - entry.checkedAt;
    return ageMs === undefined
      ? undefined
      : { ...manifest, forMs: this.#freshness.policyOf(reference.tag).ttlMs - ageMs };
  }

  /** @throws {UpstreamError} · {RegistryError} `MANIFEST_UNKNOWN` when offline and not cached */
  async resolve(repository: PulledRepository, reference: Reference, call: PullCall = {}): Promise<Found<Descriptor>> {
    const { entry, outcome, isFromUpstream } = await this.#resolved(repository, reference, call);
    this.#throwIfRefused(repository, entry.digest);
    const stored = await this.#options.content.findManifest(repository.stored, entry.digest);
    if (stored) return { content: stored, outcome: outcome === 'STALE' ? 'STALE' : 'HIT', isFromUpstream };
    const older = await this.#olderWhileScarce(repository, reference);
    if (older) return { content: older, outcome: 'STALE', isFromUpstream };
    if (entry.described)
      return { content: this.#describedAs(repository, entry.digest, entry.described), outcome, isFromUpstream };
    if (reference.kind === 'tag') return this.get(repository, reference, call);
    return { content: await this.#describe(repository, reference, call), outcome: 'MISS', isFromUpstream: true };
  }

  /** @throws {UpstreamError} · {RegistryError} `MANIFEST_UNKNOWN` when offline and not cached */
  async get(repository: PulledRepository, reference: Reference, call: PullCall = {}): Promise<Found<KeptManifest>> {
    const { entry, outcome, isFromUpstream } = await this.#resolved(repository, reference, call);
    this.#throwIfRefused(repository, entry.digest);
    const stored = await this.#options.content.findManifest(repository.stored, entry.digest);
    if (stored) return { content: stored, outcome: outcome === 'STALE' ? 'STALE' : 'HIT', isFromUpstream };
    const older = await this.#olderWhileScarce(repository, reference);
    if (older) return { content: older, outcome: 'STALE', isFromUpstream };
    try {
      const { result, joined } = this.#fetch(repository, entry.digest, call);
      return { content: await result, outcome: joined ? 'FILL' : 'MISS', isFromUpstream: true };
    } catch (err) {
      const previous = reference.kind === 'tag' ? await this.#previous(repository, reference.tag, err) : undefined;
      if (!previous) throw err;
      return { content: previous, outcome: 'STALE', isFromUpstream: true };
    }
  }

  /** Revalidates a tag, also a fresh one. @throws {UpstreamError} also when the tag could be served stale */
  async refresh(repository: PulledRepository, tag: string, call: PullCall = REFRESH): Promise<RefreshedTag> {
    const before = await this.#options.tags.find(repository.stored, tag);
    if (this.#options.offline) throw new OfflineError(`${repository.remote}:${tag}`);
    const { entry } = await this.#fetchTag(repository, tag, call);
    if (!(await this.#isStored(repository, entry.digest))) await this.#fetch(repository, entry.digest, call).result;
    return { digest: entry.digest, previous: before?.digest };
  }

  /**
   * The digest of a tag, revalidated when it is not fresh. Its manifest is not fetched.
   *
   * @param call.always a fresh tag is revalidated, too
   * @throws {UpstreamError} also when the tag could be served stale · {RegistryError} when offline and not cached
   */
  async confirm(
    repository: PulledRepository,
    tag: string,
    call: PullCall & { readonly always?: boolean | undefined },
  ): Promise<RefreshedTag> {
    const { tags, offline } = this.#options;
    // The one in memory may have no manifest yet, as after a `HEAD`.
    const previous = (await tags.findStored(repository.stored, tag))?.digest;
    const latest = await tags.find(repository.stored, tag);
    if (!call.always && latest && this.#freshness.isFresh(repository.stored, tag, latest))
      return { digest: latest.digest, previous };
    if (offline) throw new OfflineError(`${repository.remote}:${tag}`);
    const { entry } = await this.#fetchTag(repository, tag, call);
    return { digest: entry.digest, previous };
  }

  async tagAge(repository: PulledRepository, tag: string) {
    if (this.#options.offline) return undefined;
    const entry = await this.#options.tags.find(repository.stored, tag);
    return entry && { checkedAt: entry.checkedAt, ttlMs: this.#freshness.policyOf(tag).ttlMs };
  }

  /** Without the upstream. */
  async storedTag(repository: PulledRepository, tag: string): Promise<RefreshedTag | undefined> {
    const entry = await this.#storedEntry(repository, tag);
    return entry && { digest: entry.digest, previous: entry.digest };
  }

  /** Without the upstream. */
  findStored(repository: PulledRepository, digest: Digest): Promise<Manifest | undefined> {
    return this.#options.content.findManifest(repository.stored, digest);
  }

  /** While pulls are scarce, the manifest that the tag had before, if it is stored. */
  async #olderWhileScarce(repository: PulledRepository, reference: Reference): Promise<Manifest | undefined> {
    if (reference.kind === 'digest' || !this.#options.upstream.prefersOlder?.(repository.remote)) return undefined;
    const older = await this.#storedEntry(repository, reference.tag);
    if (!older) return undefined;
    this.#stale(repository, reference.tag, older, 'pulls are scarce');
    return this.#options.content.findManifest(repository.stored, older.digest);
  }

  /** The upstream has a new manifest for the tag and does not return it: the previous one, if it is stored. */
  async #previous(repository: PulledRepository, tag: string, err: unknown): Promise<Manifest | undefined> {
    const usable = err instanceof UpstreamError ? await this.#storedEntry(repository, tag) : undefined;
    if (!usable) return undefined;
    this.#stale(repository, tag, usable, (err as UpstreamError).message);
    return this.#options.content.findManifest(repository.stored, usable.digest);
  }

  async #resolved(repository: PulledRepository, reference: Reference, call: PullCall): Promise<Resolved> {
    if (reference.kind === 'digest') {
      return {
        entry: { digest: reference.digest, checkedAt: this.#options.now() },
        outcome: 'HIT',
        isFromUpstream: false,
      };
    }
    const { tag } = reference;
    const latest = await this.#options.tags.find(repository.stored, tag);
    const freshness = latest && this.#freshness.of(tag, latest);
    if (latest && this.#freshness.isFresh(repository.stored, tag, latest)) {
      const isStored = await this.#isStored(repository, latest.digest);
      return { entry: latest, outcome: isStored ? 'HIT' : 'MISS', isFromUpstream: false };
    }
    const usable = latest && (await this.#storedEntry(repository, tag, latest));
    if (latest && this.#options.offline) this.#throwIfRefused(repository, latest.digest);
    if (!usable || freshness === 'revalidate') return this.#revalidate(repository, tag, { usable, call });
    if (freshness === 'stale') return this.#stale(repository, tag, usable, 'revalidation is off or on hold');
    this.#revalidate(repository, tag, { usable, call: { ...REFRESH, login: call.login } }).catch(() => {}); // the next request sees the failure
    // Stale means that the upstream fails: then the tag was put on hold before.
    if (latest?.retryAt === undefined) return { entry: usable, outcome: 'HIT', isFromUpstream: false };
    return this.#stale(repository, tag, usable, 'revalidation in the background');
  }

  /** The entry that can be served without the upstream: the latest if its manifest is stored, otherwise that of storage. */
  async #storedEntry(repository: PulledRepository, tag: string, latest?: TagEntry): Promise<TagEntry | undefined> {
    if (latest && (await this.#isServable(repository, latest.digest))) return latest;
    const stored = await this.#options.tags.findStored(repository.stored, tag);
    return stored && (await this.#isServable(repository, stored.digest)) ? stored : undefined;
  }

  async #isServable(repository: PulledRepository, digest: Digest): Promise<boolean> {
    return !this.#options.refusals.ofDigest(repository.stored, digest) && (await this.#isStored(repository, digest));
  }

  async #isStored(repository: PulledRepository, digest: Digest): Promise<boolean> {
    return (await this.#options.content.findManifest(repository.stored, digest)) !== undefined;
  }

  #throwIfRefused({ stored }: PulledRepository, digest: Digest): void {
    const refusal = this.#options.refusals.ofDigest(stored, digest);
    if (refusal) throw refusal;
  }

  async #revalidate(repository: PulledRepository, tag: string, known: Revalidation): Promise<Resolved> {
    if (this.#options.offline) throw new OfflineError(`${repository.remote}:${tag}`);
    const key = `${loginKey(known.call.login)}${repository.stored}:${tag}`;
    return this.#resolutions.run(key, () => this.#resolveTag(repository, tag, known)).result;
  }

  async #resolveTag(repository: PulledRepository, tag: string, { usable, call }: Revalidation): Promise<Resolved> {
    // A request that ended while this one read the storage has confirmed the tag.
    const confirmed = this.#options.tags.inMemory(repository.stored, tag);
    if (confirmed && this.#freshness.isFresh(repository.stored, tag, confirmed)) {
      const isStored = await this.#isStored(repository, confirmed.digest);
      return { entry: confirmed, outcome: isStored ? 'HIT' : 'MISS', isFromUpstream: false };
    }
    try {
      return await this.#fetchTag(repository, tag, {
        ...call,
        ...(usable && { deadlineMs: REVALIDATION_BUDGET_MS }),
      });
    } catch (err) {
      if (!usable || !(err instanceof UpstreamError)) throw err;
      if (onRevalidationFailure(err.kind, this.#options.policy) === 'error') throw err;
      this.#options.tags.hold(repository.stored, tag, this.#retryAt(err));
      return { ...this.#stale(repository, tag, usable, err.message), isFromUpstream: true };
    }
  }

  async #fetchTag(repository: PulledRepository, tag: string, options: UpstreamCallOptions): Promise<Resolved> {
    const { upstream, now } = this.#options;
    const head = await upstream.resolveManifest(repository.remote, { kind: 'tag', tag }, options);
    this.#throwIfRefused(repository, head.digest);
    if (head.fetched) await this.#keep(repository, this.#read(head.digest, head.fetched));
    const described = isDescribed(head) && { described: { mediaType: head.mediaType, size: head.size } };
    const entry: TagEntry = { digest: head.digest, checkedAt: now(), ...described };
    const isStored = await this.#isStored(repository, head.digest);
    await this.#keepTag(repository, tag, entry, isStored);
    return { entry, outcome: isStored ? 'HIT' : 'MISS', isFromUpstream: true };
  }

  async #keepTag(repository: PulledRepository, tag: string, entry: TagEntry, isStored: boolean): Promise<void> {
    const { upstream, tags, events } = this.#options;
    try {
      await tags.confirm(repository.stored, tag, entry, isStored);
    } catch (cause) {
      events.manifestNotStored({ upstream: upstream.name, repository: repository.remote, digest: entry.digest, cause });
    }
  }

  #stale(repository: PulledRepository, tag: string, entry: TagEntry, reason: string): Resolved {
    const { upstream, events, now } = this.#options;
    events.staleServed({
      upstream: upstream.name,
      repository: repository.remote,
      stored: repository.stored,
      tag,
      digest: entry.digest,
      reason,
      ageMs: now() - entry.checkedAt,
    });
    return { entry, outcome: 'STALE', isFromUpstream: false };
  }

  /** Fetches by digest, so that a tag that moves meanwhile cannot mix two manifests. */
  #fetch(repository: PulledRepository, digest: Digest, call: PullCall) {
    if (this.#options.offline) throw new OfflineError(`${repository.remote}@${digest}`);
    const { class: by = 'client' } = call.spending ?? {};
    // A client does not join work that may wait until more pulls are left.
    const key = `${by === 'client' ? '' : `${by} `}${loginKey(call.login)}${repository.stored}@${digest}`;
    return this.#fetches.run(key, () => this.#fetchAndKeep(repository, digest, call));
  }

  async #fetchAndKeep(repository: PulledRepository, digest: Digest, call: PullCall): Promise<KeptManifest> {
    const { upstream, content, tags } = this.#options;
    // A fetch that ended while this request read the storage has kept it.
    const kept = content.manifestInMemory(repository.stored, digest);
    if (kept) return kept;
    try {
      const fetched = await upstream.fetchManifest(repository.remote, { kind: 'digest', digest }, call);
      const described = this.#described.get(`${repository.stored}@${digest}`);
      const mediaType = described?.mediaType ?? fetched.mediaType;
      return await this.#keep(repository, this.#read(digest, { ...fetched, mediaType, claimedDigest: digest }));
    } catch (err) {
      if (err instanceof UpstreamError) await tags.manifestFailed(repository.stored, digest, this.#retryAt(err));
      throw err;
    }
  }

  /** When an upstream that has failed is queried again. Unix milliseconds. */
  #retryAt({ options }: UpstreamError): number {
    const holdMs = Math.min(Math.max(FAILURE_HOLD_MS, options.retryAfterMs ?? 0), MAX_HOLD_MS);
    return this.#options.now() + holdMs;
  }

  /** A failing write to storage does not fail the pull. Bytes that are not a manifest are not stored. */
  async #keep(repository: PulledRepository, { manifest, reading }: PulledManifest): Promise<KeptManifest> {
    const { upstream, content, tags, events, reportsReplaced } = this.#options;
    const { digest, size, mediaType } = manifest;
    try {
      await content.putManifest(repository.stored, manifest, reading());
      const replaced = reportsReplaced ? await tags.replacedBy(repository.stored, digest) : undefined;
      await tags.manifestStored(repository.stored, digest);
      events.manifestStored({ upstream: upstream.name, stored: repository.stored, digest, size, mediaType });
      return replaced ? { ...manifest, replaced } : manifest;
    } catch (cause) {
      events.manifestNotStored({ upstream: upstream.name, repository: repository.remote, digest, cause });
    }
    return manifest;
  }

  #read(digest: Digest, fetched: FetchedManifest): PulledManifest {
    return readPulled(this.#options.upstream.name, digest, fetched);
  }

  async #describe(
    repository: PulledRepository,
    reference: Reference & { kind: 'digest' },
    call: PullCall,
  ): Promise<Descriptor> {
    if (this.#options.offline) throw new OfflineError(`${repository.remote}@${reference.digest}`);
    const head = await this.#options.upstream.resolveManifest(repository.remote, reference, call);
    const { digest } = reference;
    if (head.fetched) return this.#keep(repository, this.#read(digest, { ...head.fetched, claimedDigest: digest }));
    if (!isDescribed(head)) return this.#fetch(repository, digest, call).result;
    return this.#describedAs(repository, digest, head);
  }

  #describedAs(
    repository: PulledRepository,
    digest: Digest,
    { mediaType, size }: Pick<Descriptor, 'mediaType' | 'size'>,
  ): Descriptor {
    this.#described.set(`${repository.stored}@${digest}`, { mediaType });
    return { digest, mediaType, size };
  }
}
