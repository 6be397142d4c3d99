import type {
  CacheControl,
  CacheStats,
  CollectionRequest,
  CollectionStatus,
  ContentDetails,
  EvictOptions,
  EvictResult,
  ImageCheckRequest,
  ImageCheckResult,
  ListPage,
  ListQuery,
  PinView,
  RebuildStatus,
  RefreshResult,
  ScrubStatus,
} from '../operations/cache-control.ts';
import { isGlob, matchGlobs } from '../matching/glob.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Collections } from './collections.ts';
import type { Housekeeping, HousekeepingPolicy } from './housekeeping.ts';
import type { PinBackup } from './pin-backup.ts';
import { checkLength, parsePin } from './pins.ts';
import type { RebuildProgress } from '../usage/rebuild.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

export interface LocalControlOptions {
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly housekeeping: Housekeeping;
  readonly collections: Collections;
  readonly policy: HousekeepingPolicy;
  readonly pinBackup: PinBackup;
  /** Revalidates a tag at its upstream. Absent when no upstream can be called. */
  readonly refresh: ((repository: string, tag: string) => Promise<RefreshResult>) | undefined;
  readonly check: (image: ImageCheckRequest) => Promise<ImageCheckResult>;
  readonly now: () => number;
}

/** Operations on the cache of this process. */
export class LocalControl implements CacheControl {
  readonly #options: LocalControlOptions;
  #rebuild: RebuildStatus = { running: false };

  constructor(options: LocalControlOptions) {
    this.#options = options;
  }

  async list(query: ListQuery): Promise<ListPage> {
    await this.#options.recorder.flush();
    return this.#options.housekeeping.contents.list(query);
  }

  async show(name: string): Promise<ContentDetails> {
    await this.#options.recorder.flush();
    return this.#options.housekeeping.contents.show(name);
  }

  async pins(): Promise<readonly PinView[]> {
    const { index, policy } = this.#options;
    const stored = await index.pins();
    return [
      ...policy.pins.map((pattern) => ({ pattern, from: 'configuration' as const })),
      ...stored.map((pin) => ({ ...pin, from: pin.bundle === undefined ? ('command' as const) : ('bundle' as const) })),
    ];
  }

  async pin(pattern: string): Promise<void> {
    if (pattern.trim() === '') throw new ControlError('invalid', 'nothing to pin');
    checkLength(pattern);
    if (pattern.includes('\n')) throw new ControlError('invalid', 'a pin is one line');
    try {
      parsePin(pattern);
    } catch (err) {
      throw new ControlError('invalid', `${pattern}: ${err instanceof Error ? err.message : String(err)}`);
    }
    const { index, pinBackup, now } = this.#options;
    await index.pin({ pattern, pinnedAt: now() });
    await pinBackup.save(await index.pins());
  }

  async unpin(pattern: string): Promise<void> {
    checkLength(pattern);
    const { index, policy, pinBackup } = this.#options;
    if (await this.#unpinMatching(pattern)) return pinBackup.save(await index.pins());
    if (policy.pins.includes(pattern)) {
      throw new ControlError('held', `${pattern} is pinned in the configuration (storage.quota.pins)`);
    }
    const held = (await index.pins()).find((pin) => pin.pattern === pattern);
    if (held) {
      const reason = `${pattern} is pinned by bundle ${held.bundle}`;
      throw new ControlError('held', `${reason} (layover bundle forget ${held.bundle} removes all pins of it)`);
    }
    throw new ControlError('not-found', `there is no pin ${pattern}`);
  }

  /** Removes the operator's pin with this pattern; for a glob without one, the pins that it matches. */
  async #unpinMatching(pattern: string): Promise<boolean> {
    const { index } = this.#options;
    if (await index.unpin({ pattern })) return true;
    if (!isGlob(pattern)) return false;
    const isMatch = matchGlobs([pattern]);
    const matching = (await index.pins()).filter(({ pattern: pinned, bundle }) => !bundle && isMatch(pinned));
    for (const pin of matching) await index.unpin(pin);
    return matching.length > 0;
  }

  async evict(name: string, { force = false }: EvictOptions = {}): Promise<EvictResult> {
    const { housekeeping, policy, recorder } = this.#options;
    await recorder.flush();
    const records = await housekeeping.contents.find(name);
    const evictable = force ? records : records.filter(({ repository }) => !policy.isHosted(repository));
    if (evictable.length === 0) {
      const reason = `${name} is not from a configured upstream and cannot be fetched again`;
      throw new ControlError('held', `${reason} (use --force to delete it for good)`);
    }
    const pinned = await housekeeping.pins.current();
    let [references, bytes] = [0, 0];
    for (const record of evictable) {
      const { eviction } = housekeeping;
      const evicted = await (record.kind === 'manifest'
        ? eviction.evictImage(record, pinned)
        : eviction.evictBlob(record, pinned));
      references += evicted.references;
      bytes += evicted.bytes;
    }
    const isHeld = references === 0 && (await pinned.has(evictable[0] ?? { repository: '', digest: '' as never }));
    if (isHeld) throw new ControlError('held', `${name} is pinned; unpin it first`);
    return { references, bytes };
  }

  async refresh(name: string): Promise<RefreshResult> {
    const { refresh } = this.#options;
    if (!refresh) throw new ControlError('unavailable', 'only a running server can call upstreams');
    const colon = name.lastIndexOf(':');
    if (name.includes('@') || colon <= name.lastIndexOf('/')) {
      throw new ControlError('invalid', `${name} is not a tag: only tags can be refreshed (use repository:tag)`);
    }
    return refresh(name.slice(0, colon), name.slice(colon + 1));
  }

  check(image: ImageCheckRequest): Promise<ImageCheckResult> {
    return this.#options.check(image);
  }

  async stats(): Promise<CacheStats> {
    const { index, policy, housekeeping } = this.#options;
    const [oldest] = await index.oldest({ before: Number.MAX_SAFE_INTEGER, limit: 1 });
    return {
      ...(await index.totals()),
      ttlMs: policy.ttlMs,
      quota: policy.quota,
      complete: (await index.marker('complete')) !== undefined,
      oldestUseAt: oldest?.lastUsedAt,
      pins: (await this.pins()).length,
      scrub: housekeeping.scrub.status,
    };
  }

  async startScrub(): Promise<ScrubStatus> {
    const { scrub } = this.#options.housekeeping;
    scrub.start();
    return scrub.status;
  }

  async scrubStatus(): Promise<ScrubStatus> {
    return this.#options.housekeeping.scrub.status;
  }

  async startRebuild(): Promise<RebuildStatus> {
    const { housekeeping } = this.#options;
    if (this.#rebuild.running) return this.#rebuild;
    this.#rebuild = { running: true };
    const onProgress = (progress: RebuildProgress) => (this.#rebuild = { running: true, progress });
    housekeeping.rebuild(onProgress).then(
      (result) => (this.#rebuild = { running: false, result }),
      (err: unknown) => {
        this.#rebuild = { running: false, error: err instanceof Error ? err.message : String(err) };
      },
    );
    return this.#rebuild;
  }

  async rebuildStatus(): Promise<RebuildStatus> {
    return this.#rebuild;
  }

  async startCollection(request: CollectionRequest): Promise<CollectionStatus> {
    const { collections } = this.#options;
    void collections.run(request).catch(() => {}); // the status has the error
    return collections.status;
  }

  async collectionStatus(): Promise<CollectionStatus> {
    return this.#options.collections.status;
  }
}
