import { createCountedCache } from '../cache/lru.ts';
import type { Clock } from '../clock/clock.ts';

export interface RequestRateOptions {
  /** Requests per second to one host. */
  readonly perSecond: number;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

/** A request does not wait longer than this. Milliseconds. */
const MAX_WAIT_MS = 10_000;
/** A registry can name another host each time. */
const MAX_HOSTS = 64;

/** Spreads the requests to each host: an upstream limits them all, and blocks addresses that send too many. A second's requests may come at once. */
export class RequestRate {
  readonly #options: RequestRateOptions;
  /** When the next request would be sent if none was saved up. Unix milliseconds. */
  readonly #next = createCountedCache<{ at: number }>({ maxEntries: MAX_HOSTS });

  constructor(options: RequestRateOptions) {
    this.#options = options;
  }

  /** Resolves when the request may be sent. @returns milliseconds until it could be, when that is too long to wait */
  async take(host: string, signal: AbortSignal): Promise<number | undefined> {
    const { perSecond, clock } = this.#options;
    const now = clock.now();
    const next = this.#next.get(host)?.at ?? -Infinity;
    const at = Math.max(next, now - 1_000);
    const waitMs = Math.ceil(at + 1_000 / perSecond - now);
    if (waitMs > MAX_WAIT_MS) return waitMs;
    this.#next.set(host, { at: at + 1_000 / perSecond });
    if (waitMs > 0) await clock.sleep(waitMs, { signal });
    return undefined;
  }
}
