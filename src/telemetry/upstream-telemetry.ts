import type { UpstreamEvents } from '../upstream/upstream.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { statusLabel } from './status-label.ts';

type Event<Name extends keyof UpstreamEvents> = Parameters<UpstreamEvents[Name]>[0];

/** A remaining budget below this part of the limit is logged. */
const LOW_BUDGET = 0.1;

/** For lines about an account, and about hosts that are not configured, of which an upstream can name another one each time. Milliseconds. */
const LINE_MS = 60_000;

const BREAKER_VALUE: Readonly<Record<string, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Requests to upstreams, as metrics and log lines. */
export class UpstreamTelemetry implements UpstreamEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Upstreams and accounts whose remaining budget was low at the last response. */
  readonly #low = new Set<string>();
  /** When a line was last logged, by what it is about. */
  readonly #loggedAt = new Map<string, number>();
  readonly #now: () => number;

  constructor(log: Log, metrics: Metrics, now: () => number) {
    this.#now = now;
    this.#log = log;
    this.#metrics = metrics;
  }

  callEnded({ upstream, host, operation, error }: Event<'callEnded'>): void {
    if (error) this.#log.debug({ upstream, host, operation, reason: error.kind }, 'upstream call failed');
  }

  exchangeCompleted({ upstream, host, operation, method, status, durationMs }: Event<'exchangeCompleted'>): void {
    const label = typeof status === 'number' ? statusLabel(status) : status;
    this.#metrics.upstreamRequests.at(upstream, operation, method, label).value++;
    this.#metrics.upstreamSeconds.at(upstream, operation).observe(durationMs / 1000);
    const fields = { upstream, host, operation, method, status, duration: formatDuration(durationMs) };
    this.#log.debug(fields, 'upstream response received');
  }

  bytesReceived({ upstream, kind, bytes }: Event<'bytesReceived'>): void {
    this.#metrics.upstreamBytes.at(upstream, kind).value += bytes;
    this.#metrics.proxyPulledBytes[kind].value += bytes;
  }

  rateLimited({ upstream, account, limit, remaining, windowSeconds, resetSeconds }: Event<'rateLimited'>): void {
    const { rateLimitLimit, rateLimitRemaining } = this.#metrics;
    // No window, rolling or not, is longer than this.
    this.#resetsIn(resetSeconds ?? windowSeconds, upstream, account);
    if (limit !== undefined) rateLimitLimit.at(upstream, account).value = limit;
    if (remaining === undefined) return;
    rateLimitRemaining.at(upstream, account).value = remaining;
    if (limit === undefined) return;
    const key = `${upstream} ${account}`;
    if (remaining >= limit * LOW_BUDGET) this.#low.delete(key);
    else if (!this.#low.has(key)) {
      this.#low.add(key);
      const fields = { upstream, account, limit, remaining, 'window.seconds': windowSeconds };
      this.#log[this.#mayLog(`low ${key}`) ? 'warn' : 'debug'](fields, 'upstream rate limit nearly used up');
    }
  }

  pulledFromMirror({ upstream }: Event<'pulledFromMirror'>): void {
    this.#metrics.pullsSaved.at(upstream, 'mirror').value++;
  }

  loginChanged({ upstream, account, trouble }: Event<'loginChanged'>): void {
    this.#metrics.loginFailing.at(upstream, account).value = trouble ? 1 : 0;
    if (!trouble) return this.#log.info({ upstream, account }, 'upstream login works again');
    const { reason, retryAt } = trouble;
    this.#metrics.loginFailures.at(upstream, account, reason).value++;
    const pause = retryAt === undefined ? undefined : formatDuration(retryAt - this.#now());
    const level = this.#mayLog(`login ${upstream} ${account} ${reason}`) ? 'warn' : 'debug';
    this.#log[level]({ upstream, account, reason, pause }, 'upstream login failed');
  }

  #resetsIn(seconds: number | undefined, upstream: string, account: string): void {
    if (seconds === undefined) return;
    const resetAt = this.#now() + seconds * 1000;
    this.#metrics.rateLimitReset.measure(() => Math.max(0, resetAt - this.#now()) / 1000, upstream, account);
  }

  retried({ upstream, operation, reason, delayMs }: Event<'retried'>): void {
    this.#metrics.upstreamRetries.at(upstream, operation).value++;
    this.#log.info({ upstream, operation, reason, delay: formatDuration(delayMs) }, 'upstream request retried');
  }

  breakerChanged({ upstream, host, isConfigured, from, to, reason }: Event<'breakerChanged'>): void {
    const fields = { upstream, host, from, to, reason };
    if (isConfigured) {
      this.#metrics.breakerState.at(upstream, host).value = BREAKER_VALUE[to] ?? 0;
      this.#log.warn(fields, 'upstream circuit breaker changed');
    } else if (this.#mayLog(`host ${upstream}`)) {
      this.#log.warn(fields, 'circuit breaker changed for a host named by the upstream (logged once a minute)');
    } else this.#log.debug(fields, 'circuit breaker changed for a host named by the upstream');
  }

  #mayLog(subject: string): boolean {
    const now = this.#now();
    if (now - (this.#loggedAt.get(subject) ?? -Infinity) < LINE_MS) return false;
    this.#loggedAt.set(subject, now);
    return true;
  }

  credentialsFailed({ upstream, source, reason }: Event<'credentialsFailed'>): void {
    this.#metrics.credentialFailures.at(upstream, source).value++;
    this.#log.warn({ upstream, source, reason }, 'cannot read upstream credentials');
  }
}
