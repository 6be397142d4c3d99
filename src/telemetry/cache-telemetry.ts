import { formatDuration } from './duration.ts';
import type { Log } from './log.ts';
import type { Cell } from './metric-family.ts';
import type { Metrics } from './metrics.ts';
import type { CacheOutcome } from './request-telemetry.ts';
import type { Tracing } from './tracing.ts';

export interface ServedContent {
  readonly upstream: string;
  readonly type: 'blob' | 'manifest';
  readonly outcome: CacheOutcome;
  /** Sent to the client. */
  readonly bytes: number;
}

export interface FillEvent {
  readonly upstream: string;
  readonly repository: string;
  /** Name of the repository in our storage. */
  readonly stored?: string | undefined;
  readonly digest: string;
  /** Of the whole blob, or so far. */
  readonly bytes?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly reason?: string | undefined;
}

export interface StoredManifest {
  readonly upstream: string;
  /** Name of the repository in our storage. */
  readonly stored: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
}

export interface StaleServed {
  readonly upstream: string;
  readonly repository: string;
  /** Name of the repository in our storage. */
  readonly stored?: string | undefined;
  readonly tag: string;
  readonly digest?: string | undefined;
  readonly reason: string;
  /** Time since the upstream last confirmed the tag. */
  readonly ageMs: number;
}

/** An outage makes thousands of stale answers; one line per upstream and minute tells of it. Milliseconds. */
const NO_ROOM: ReadonlySet<string> = new Set(['StorageFullError', 'StorageReadOnlyError']);
const STALE_LINE_MS = 60_000;

export interface CacheTelemetryOptions {
  /** Milliseconds. */
  readonly now: () => number;
  readonly tracing: Tracing | undefined;
}

/** What the cache does, as metrics and log lines. */
export class CacheTelemetry {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  readonly #tracing: Tracing | undefined;
  readonly #served = new Map<string, { readonly requests: Cell; readonly bytes: Cell }>();
  /** Fills running now, by upstream and digest. */
  readonly #running = new Set<string>();
  /** When a stale answer was last logged, by upstream. */
  readonly #staleLoggedAt = new Map<string, number>();
  #full = false;

  constructor(log: Log, metrics: Metrics, { now, tracing }: CacheTelemetryOptions) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
    this.#tracing = tracing;
  }

  /** Once for every blob and manifest answered. */
  served({ upstream, type, outcome, bytes }: ServedContent): void {
    const cells = this.#servedCells(upstream, type, outcome);
    cells.requests.value++;
    cells.bytes.value += bytes;
    this.#metrics.proxyRequests[type].value++;
    this.#metrics.proxyPushedBytes[type].value += bytes;
    const hit = outcome === 'HIT' || outcome === 'STALE';
    (hit ? this.#metrics.proxyHits : this.#metrics.proxyMisses)[type].value++;
  }

  /** A fill begins, from nothing or from what an earlier one left. One of completed, failed, discarded follows. */
  fillStarted(event: FillEvent): void {
    this.#begin(event);
    this.#tracing?.fillStarted(event);
    this.#log.debug(fillFields(event), 'fill started');
  }

  /** A fill goes on where the upstream, or an earlier fill, broke off. */
  fillResumed(event: FillEvent): void {
    this.#count(event, 'resumed');
    this.#log.info(fillFields(event), 'fill resumed');
  }

  fillCompleted(event: FillEvent): void {
    this.#end(event, 'completed');
    this.#tracing?.fillEnded(event);
    if (event.durationMs !== undefined) this.#metrics.fillSeconds.observe(event.durationMs / 1000);
    this.#log.info(fillFields(event), 'fill completed');
  }

  /** What has come so far is kept for a later try. */
  fillFailed(event: FillEvent): void {
    this.#end(event, 'failed');
    this.#tracing?.fillEnded(event, 'failed');
    this.#log.warn(fillFields(event), 'fill failed');
  }

  /** What had come was thrown away: wrong bytes, or left behind for too long. */
  fillDiscarded(event: FillEvent): void {
    this.#end(event, 'discarded');
    this.#tracing?.fillEnded(event, 'discarded');
    this.#log.warn(fillFields(event), 'fill discarded');
  }

  /** @param change clients that began (+) or ceased (-) to follow a fill */
  fillReaders(change: number): void {
    this.#metrics.fillWaiters.value += change;
  }

  spoolBytes(bytes: number): void {
    this.#metrics.spoolBytes.value = bytes;
  }

  /** @param event.what what could not be stored */
  storageFull({ what }: { readonly what: string }): void {
    this.#metrics.storageFull.value++;
    if (this.#full) return;
    this.#full = true;
    this.#log.error({ what }, 'storage is full or read-only: serving without caching');
  }

  /** A manifest has been fetched. */
  manifestStored({ upstream, stored, digest, size }: StoredManifest): void {
    this.#log.debug({ upstream, 'vars.name': stored, 'vars.digest': digest, bytes: size }, 'manifest stored');
  }

  /** The pull went on; the next one asks the upstream again. */
  manifestNotStored(event: { upstream: string; repository: string; digest: string; cause: unknown }): void {
    const { upstream, repository, digest, cause } = event;
    if (cause instanceof Error && NO_ROOM.has(cause.name)) this.storageFull({ what: 'manifests' });
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#log.debug({ upstream, 'vars.name': repository, 'vars.digest': digest, reason }, 'manifest not stored');
  }

  storageRecovered(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#log.info({}, 'storage takes content again');
  }

  staleServed({ upstream, repository, tag, reason, ageMs }: StaleServed): void {
    const now = this.#now();
    const quiet = now - (this.#staleLoggedAt.get(upstream) ?? -Infinity) < STALE_LINE_MS;
    if (!quiet) this.#staleLoggedAt.set(upstream, now);
    const fields = { upstream, 'vars.name': repository, 'vars.reference': tag, reason, age: formatDuration(ageMs) };
    this.#log[quiet ? 'debug' : 'warn'](fields, 'cached tag served without asking the upstream');
  }

  /** A stored file is not what it should be; it will not be served. */
  damagedContent({ path, reason }: { readonly path: string; readonly reason: string }): void {
    this.#metrics.damagedContent.value++;
    this.#log.error({ path, reason }, 'stored content is damaged');
  }

  #begin(event: FillEvent): void {
    this.#running.add(fillKey(event));
    this.#count(event, 'started');
  }

  #end(event: FillEvent, result: 'completed' | 'failed' | 'discarded'): void {
    this.#running.delete(fillKey(event));
    this.#count(event, result);
  }

  #count({ upstream }: FillEvent, result: string): void {
    this.#metrics.fills.at(upstream, result).value++;
    this.#metrics.fillsInFlight.value = this.#running.size;
  }

  #servedCells(upstream: string, type: string, outcome: CacheOutcome) {
    const key = `${upstream} ${type} ${outcome}`;
    let cells = this.#served.get(key);
    if (cells === undefined) {
      cells = {
        requests: this.#metrics.cacheRequests.at(upstream, type, outcome.toLowerCase()),
        bytes: this.#metrics.clientBytes.at(upstream, type),
      };
      this.#served.set(key, cells);
    }
    return cells;
  }
}

function fillKey({ upstream, digest }: FillEvent): string {
  return `${upstream} ${digest}`;
}

function fillFields({ upstream, repository, digest, bytes, durationMs, reason }: FillEvent) {
  return {
    upstream,
    'vars.name': repository,
    'vars.digest': digest,
    bytes,
    duration: durationMs === undefined ? undefined : formatDuration(durationMs),
    reason,
  };
}
