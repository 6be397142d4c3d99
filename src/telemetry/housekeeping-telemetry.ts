import type { CollectionEvents } from '../retention/collections.ts';
import type { IndexDamageEvents } from '../retention/create-housekeeping.ts';
import type { HousekeepingEvents } from '../retention/housekeeping.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Names in one log line. */
const MAX_EXAMPLES = 10;

/** Everything that housekeeping and garbage collection report. */
export interface RetentionEvents extends HousekeepingEvents, CollectionEvents, IndexDamageEvents {
  /** @param bytes 0: no quota */
  quota(bytes: number): void;
}

type Event<Name extends keyof RetentionEvents> = Parameters<RetentionEvents[Name]>[0];

/** Expiry, eviction, scrubbing and garbage collection, as metrics and log lines. */
export class HousekeepingTelemetry implements RetentionEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  contentRemoved({ repository, digest, kind, reason, bytes }: Event<'contentRemoved'>): void {
    (reason === 'expired' ? this.#metrics.expired : this.#metrics.evicted).at(kind).value++;
    if (reason === 'evicted') this.#metrics.evictedBytes.value += bytes;
    this.#log.debug({ 'vars.name': repository, 'vars.digest': digest, kind, reason, bytes }, 'content removed');
  }

  quotaEnforced({ references, bytes, missing, durationMs }: Event<'quotaEnforced'>): void {
    const fields = { references, bytes, duration: formatDuration(durationMs) };
    if (references > 0) this.#log.info(fields, 'least recently used content evicted');
    if (missing > 0) this.#log.warn({ missing }, 'quota exceeded: everything left is pinned or in use');
  }

  storeSize({ bytes, references }: Event<'storeSize'>): void {
    this.#metrics.storeBytes.value = bytes;
    this.#metrics.indexEntries.value = references;
  }

  quota(bytes: number): void {
    this.#metrics.quotaBytes.value = bytes;
  }

  ledHousekeeping({ isLeading }: { readonly isLeading: boolean }): void {
    this.#metrics.leadsHousekeeping.at().value = isLeading ? 1 : 0;
    this.#log.info({}, `${isLeading ? 'acquired' : 'lost'} housekeeping leadership`);
  }

  indexRebuilt({ references, bytes, added, removed, unreadable, durationMs }: Event<'indexRebuilt'>): void {
    const fields = { references, bytes, added, removed, duration: formatDuration(durationMs) };
    if (unreadable.length === 0) this.#log.info(fields, 'index rebuilt');
    else this.#log.warn({ ...fields, unreadable: unreadable.join(', ') }, 'index rebuilt, but not complete');
  }

  indexDamaged({ reason, movedTo }: Event<'indexDamaged'>): void {
    this.#log.error({ reason, movedTo }, 'index damaged: moved aside; rebuilding');
  }

  pushedBeforePinned({ upstream, repositories }: Event<'pushedBeforePinned'>): void {
    this.#log.warn(
      { count: repositories.length, examples: repositories.slice(0, MAX_EXAMPLES).join(', ') },
      `repositories pinned that are not in distribution's expiry list: list pushed ones in proxy.hosted; remove the pin (layover cache unpin) of those that ${upstream} has`,
    );
  }

  housekeepingFailed({ task, error }: Event<'housekeepingFailed'>): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn({ task, reason }, 'housekeeping failed: retried later');
  }

  collectionFinished(event: Event<'collectionFinished'>): void {
    const { manifests, links, blobs, bytes, skipped, kept, dryRun, durationMs } = event;
    for (const { repository, reason } of skipped) {
      this.#log.warn({ 'vars.name': repository, reason }, 'repository skipped by garbage collection');
    }
    const counts = { manifests: manifests.length, links: links.length, blobs: blobs.length, bytes, kept };
    const fields = { ...counts, duration: formatDuration(durationMs) };
    this.#log.info(fields, dryRun ? 'garbage found (dry run)' : 'garbage removed');
    if (!dryRun) this.#metrics.collectedBytes.value += bytes;
  }

  scrubStarted(): void {
    this.#metrics.scrubRunning.value = 1;
    this.#log.info({}, 'scrub started');
  }

  scrubbed({ bytes }: Event<'scrubbed'>): void {
    this.#metrics.scrubBytes.value += bytes;
  }

  quarantined({ digest, movedTo, size }: Event<'quarantined'>): void {
    this.#metrics.scrubDamaged.value++;
    this.#log.error({ 'vars.digest': digest, movedTo, bytes: size }, 'damaged blob quarantined');
  }

  unreadable({ digest, reason }: Event<'unreadable'>): void {
    this.#log.error({ 'vars.digest': digest, reason }, 'unreadable blob left in place');
  }

  scrubFinished({ blobs, bytes, damaged, unreadable }: Event<'scrubFinished'>): void {
    this.#metrics.scrubRunning.value = 0;
    this.#log.info({ blobs, bytes, damaged, unreadable }, 'scrub completed');
  }
}
