import type { FillEvents } from '../fills/fill-events.ts';
import type { StorageFullEvents } from '../fills/fills.ts';
import type { ServedContent } from '../http/v2/request-events.ts';
import type { ManifestEvents } from '../pull-through/manifest-events.ts';
import { StorageFullError, StorageReadOnlyError } from '../storage/driver.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Cell } from './metric-family.ts';
import type { Metrics } from './metrics.ts';
import type { Tracing } from './tracing.ts';

/** Everything the cache reports. */
export interface CacheEvents extends FillEvents, StorageFullEvents, ManifestEvents {
  /** Once for every blob and manifest sent. */
  served(content: ServedContent): void;
  spoolBytes(bytes: number): void;
  /** A stored file is not what it should be; it is not served. */
  damagedContent(damage: { readonly path: string; readonly reason: string }): void;
}

type Event<Name extends keyof CacheEvents> = Parameters<CacheEvents[Name]>[0];

/** The facts of a fill, whichever of them are known. */
type FillFacts = Event<'fillStarted'> &
  Partial<Pick<Event<'fillCompleted'>, 'bytes' | 'durationMs'> & Pick<Event<'fillFailed'>, 'reason'>>;

/** An outage makes thousands of stale responses: one line per upstream and minute is enough. Milliseconds. */
const STALE_LINE_MS = 60_000;

/** Why a manifest for a client was not a pull that the upstream counts. */
const SAVED_BY: Partial<Record<ServedContent['outcome'], string>> = { HIT: 'hit', STALE: 'stale', FILL: 'coalesced' };

interface ServedCells {
  readonly requests: Cell;
  readonly bytes: Cell;
  /** Absent when nothing was saved. */
  readonly saved: Cell | undefined;
  /** For a response after a request to the upstream. */
  readonly savedByHead: Cell | undefined;
}

/** Time series that exist from the first fill: `increase()` does not see the step to a new one. */
const FILL_ENDS = ['completed', 'failed', 'discarded'] as const;

export interface CacheTelemetryOptions {
  /** Milliseconds. */
  readonly now: () => number;
  readonly tracing: Tracing | undefined;
}

/** What the cache does, as metrics and log lines. */
export class CacheTelemetry implements CacheEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  readonly #tracing: Tracing | undefined;
  readonly #served = new Map<string, ServedCells>();
  /** When each running fill started, by upstream and digest; the oldest first. */
  readonly #running = new Map<string, number>();
  /** When a stale response was last logged, by upstream. */
  readonly #staleLoggedAt = new Map<string, number>();
  #full = false;

  constructor(log: Log, metrics: Metrics, { now, tracing }: CacheTelemetryOptions) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
    this.#tracing = tracing;
    metrics.fillOldest.measure(() => this.#oldestFillMs() / 1000);
  }

  served({ upstream, type, outcome, bytes, isFromUpstream }: ServedContent): void {
    const cells = this.#servedCells(upstream, type, outcome);
    cells.requests.value++;
    const saved = isFromUpstream ? cells.savedByHead : cells.saved;
    if (saved) saved.value++;
    cells.bytes.value += bytes;
    this.#metrics.proxyRequests[type].value++;
    this.#metrics.proxyPushedBytes[type].value += bytes;
    const hit = outcome === 'HIT' || outcome === 'STALE';
    (hit ? this.#metrics.proxyHits : this.#metrics.proxyMisses)[type].value++;
  }

  fillStarted(event: Event<'fillStarted'>): void {
    this.#begin(event);
    this.#tracing?.fillStarted(event);
    this.#log.debug(fillFields(event), 'fill started');
  }

  fillResumed(event: Event<'fillResumed'>): void {
    this.#count(event, 'resumed');
    this.#log.info(fillFields(event), 'fill resumed');
  }

  fillCompleted(event: Event<'fillCompleted'>): void {
    this.#end(event, 'completed');
    this.#tracing?.fillEnded(event);
    this.#metrics.fillSeconds.at(event.upstream).observe(event.durationMs / 1000);
    this.#log.info(fillFields(event), 'fill completed');
  }

  fillFailed(event: Event<'fillFailed'>): void {
    this.#end(event, 'failed');
    this.#tracing?.fillEnded(event, 'failed');
    this.#log.warn(fillFields(event), 'fill failed');
  }

  fillDiscarded(event: Event<'fillDiscarded'>): void {
    this.#end(event, 'discarded');
    this.#tracing?.fillEnded(event, 'discarded');
    this.#log.warn(fillFields(event), 'fill discarded');
  }

  fillReaders(change: number): void {
    this.#metrics.fillWaiters.value += change;
  }

  spoolBytes(bytes: number): void {
    this.#metrics.spoolBytes.value = bytes;
  }

  storageFull({ what }: Event<'storageFull'>): void {
    this.#metrics.storageFull.value++;
    if (this.#full) return;
    this.#full = true;
    this.#log.error({ what }, 'storage is full or read-only: serving without caching');
  }

  manifestStored({ upstream, stored, digest, size }: Event<'manifestStored'>): void {
    this.#log.debug({ upstream, 'vars.name': stored, 'vars.digest': digest, bytes: size }, 'manifest stored');
  }

  manifestNotStored({ upstream, repository, digest, cause }: Event<'manifestNotStored'>): void {
    const isFull = cause instanceof StorageFullError || cause instanceof StorageReadOnlyError;
    if (isFull) this.storageFull({ what: 'manifests' });
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#log.debug({ upstream, 'vars.name': repository, 'vars.digest': digest, reason }, 'manifest not stored');
  }

  storageRecovered(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#log.info({}, 'storage available again');
  }

  staleServed({ upstream, repository, tag, reason, ageMs }: Event<'staleServed'>): void {
    const now = this.#now();
    const quiet = now - (this.#staleLoggedAt.get(upstream) ?? -Infinity) < STALE_LINE_MS;
    if (!quiet) this.#staleLoggedAt.set(upstream, now);
    const fields = { upstream, 'vars.name': repository, 'vars.reference': tag, reason, age: formatDuration(ageMs) };
    this.#log[quiet ? 'debug' : 'warn'](fields, 'stale tag served');
  }

  damagedContent({ path, reason }: Event<'damagedContent'>): void {
    this.#metrics.damagedContent.value++;
    this.#log.error({ path, reason }, 'damaged content found');
  }

  #oldestFillMs(): number {
    const [startedAt] = this.#running.values();
    return startedAt === undefined ? 0 : Math.max(0, this.#now() - startedAt);
  }

  #begin(event: FillFacts): void {
    this.#running.set(fillKey(event), this.#now());
    for (const result of FILL_ENDS) this.#metrics.fills.at(event.upstream, result);
    this.#count(event, 'started');
  }

  #end(event: FillFacts, result: (typeof FILL_ENDS)[number]): void {
    this.#running.delete(fillKey(event));
    this.#count(event, result);
  }

  #count({ upstream }: FillFacts, result: string): void {
    this.#metrics.fills.at(upstream, result).value++;
    this.#metrics.fillsInFlight.value = this.#running.size;
  }

  #servedCells(upstream: string, type: string, outcome: ServedContent['outcome']) {
    const key = `${upstream} ${type} ${outcome}`;
    let cells = this.#served.get(key);
    if (cells === undefined) {
      const saved = (reason: string | undefined) =>
        type === 'manifest' && reason ? this.#metrics.pullsSaved.at(upstream, reason) : undefined;
      cells = {
        saved: saved(SAVED_BY[outcome]),
        savedByHead: saved(outcome === 'HIT' ? 'head' : SAVED_BY[outcome]),
        requests: this.#metrics.cacheRequests.at(upstream, type, outcome.toLowerCase()),
        bytes: this.#metrics.clientBytes.at(upstream, type),
      };
      this.#served.set(key, cells);
    }
    return cells;
  }
}

function fillKey({ upstream, digest }: FillFacts): string {
  return `${upstream} ${digest}`;
}

function fillFields({ upstream, repository, digest, bytes, durationMs, reason }: FillFacts) {
  return {
    upstream,
    'vars.name': repository,
    'vars.digest': digest,
    bytes,
    duration: durationMs === undefined ? undefined : formatDuration(durationMs),
    reason,
  };
}
