import type { CollectionEvents } from '../retention/collections.ts';
import type { HousekeepingEvents } from '../retention/housekeeping.ts';
import { formatDuration } from './duration.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof HousekeepingEvents> = Parameters<HousekeepingEvents[Name]>[0];

/** What becomes of stored content, as metrics and log lines. */
export class ExpiryTelemetry implements HousekeepingEvents, CollectionEvents {
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
    if (references > 0) this.#log.info(fields, 'made room: least recently used content evicted');
    if (missing > 0) this.#log.warn({ missing }, 'the store is above its quota: everything left is pinned or in use');
  }

  storeSize({ bytes, references }: Event<'storeSize'>): void {
    this.#metrics.storeBytes.value = bytes;
    this.#metrics.indexEntries.value = references;
  }

  /** @param bytes 0: there is none */
  quota(bytes: number): void {
    this.#metrics.quotaBytes.value = bytes;
  }

  ledHousekeeping({ isLeading }: { readonly isLeading: boolean }): void {
    this.#metrics.leadsHousekeeping.value = isLeading ? 1 : 0;
    const does = isLeading ? 'looks' : 'no more looks';
    this.#log.info({}, `this replica ${does} after what is stored, for all that share the index`);
  }

  indexRebuilt({ references, bytes, added, removed, unreadable, durationMs }: Event<'indexRebuilt'>): void {
    const fields = { references, bytes, added, removed, duration: formatDuration(durationMs) };
    if (unreadable.length === 0) this.#log.info(fields, 'the index of stored content is complete');
    else
      this.#log.warn({ ...fields, unreadable: unreadable.join(', ') }, 'the index of stored content is not complete');
  }

  indexDamaged({ reason, movedTo }: { readonly reason: string; readonly movedTo: string }): void {
    this.#log.error({ reason, movedTo }, 'the index of stored content is damaged: it is put aside and made again');
  }

  housekeepingFailed({ task, error }: Event<'housekeepingFailed'>): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn({ task, reason }, 'housekeeping failed and is tried again later');
  }

  collectionFinished(event: Parameters<CollectionEvents['collectionFinished']>[0]): void {
    const { manifests, links, blobs, bytes, skipped, kept, dryRun, durationMs } = event;
    for (const { repository, reason } of skipped) {
      this.#log.warn({ 'vars.name': repository, reason }, 'garbage collection left a repository alone');
    }
    const counts = { manifests: manifests.length, links: links.length, blobs: blobs.length, bytes, kept };
    const fields = { ...counts, duration: formatDuration(durationMs) };
    this.#log.info(fields, dryRun ? 'garbage that could be removed' : 'garbage removed');
    if (!dryRun) this.#metrics.collectedBytes.value += bytes;
  }

  scrubStarted(): void {
    this.#metrics.scrubRunning.value = 1;
    this.#log.info({}, 'scrub: reading everything that is stored');
  }

  scrubbed({ bytes }: Event<'scrubbed'>): void {
    this.#metrics.scrubBytes.value += bytes;
  }

  quarantined({ digest, movedTo, size }: Event<'quarantined'>): void {
    this.#metrics.scrubDamaged.value++;
    this.#log.error(
      { 'vars.digest': digest, movedTo, bytes: size },
      'scrub: wrong bytes put aside; they are fetched again',
    );
  }

  unreadable({ digest, reason }: Event<'unreadable'>): void {
    this.#log.error({ 'vars.digest': digest, reason }, 'scrub: bytes that cannot be read are left where they are');
  }

  scrubFinished({ blobs, bytes, damaged, unreadable }: Event<'scrubFinished'>): void {
    this.#metrics.scrubRunning.value = 0;
    this.#log.info({ blobs, bytes, damaged, unreadable }, 'scrub: everything that can be read has been');
  }
}
