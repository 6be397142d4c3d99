import type { EndedCall, UpstreamErrorKind, UpstreamEvents } from '../upstream/upstream.ts';

type Event<Name extends keyof UpstreamEvents> = Parameters<UpstreamEvents[Name]>[0];
type Exchange = Event<'exchangeCompleted'>;

/** What the last requests to a host showed. Times in Unix milliseconds. */
export interface HostFacts {
  readonly lastOkAt?: number;
  readonly lastError?: { readonly kind: string; readonly operation: string; readonly at: number };
  /** Kind of the last failure when the last calls all failed. Absent when one of them succeeded. */
  readonly failing?: string;
  /** When its breaker last changed, and why. */
  readonly breaker?: { readonly since: number; readonly reason: string };
}

type Changing = { -readonly [Key in keyof HostFacts]: HostFacts[Key] } & {
  /** It has served content, or stated that it has none. */
  isProven?: boolean;
  /** Calls that failed since the last one that succeeded. */
  failures?: number;
};

const NOTHING: HostFacts = {};

/** One failure of a host that worked before may be an accident. */
const MIN_FAILURES = 3;

/** Failures that say something about the host, whatever was requested. */
const HOST_FAILURES: ReadonlySet<UpstreamErrorKind> = new Set(['network', 'timeout', 'server', 'protocol']);

/** The last events of the configured hosts of upstreams. */
export class UpstreamWatch implements Pick<UpstreamEvents, 'exchangeCompleted' | 'callEnded' | 'breakerChanged'> {
  readonly #facts: ReadonlyMap<string, Changing>;
  readonly #now: () => number;

  /** @param upstreams with their hosts, ports included: others, which upstreams name, are not kept */
  constructor(upstreams: readonly { readonly name: string; readonly hosts: readonly string[] }[], now: () => number) {
    const keys = upstreams.flatMap(({ name, hosts }) => hosts.map((host) => keyOf(name, host)));
    this.#facts = new Map(keys.map((key) => [key, {}]));
    this.#now = now;
  }

  of(upstream: string, host: string): HostFacts {
    return this.#facts.get(keyOf(upstream, host)) ?? NOTHING;
  }

  exchangeCompleted({ upstream, host, operation, status }: Exchange): void {
    const facts = this.#facts.get(keyOf(upstream, host));
    if (!facts) return;
    const kind = errorKind(status);
    if (kind !== undefined) facts.lastError = { kind, operation, at: this.#now() };
    else if (typeof status === 'number' && status < 400) facts.lastOkAt = this.#now();
  }

  callEnded({ upstream, host, operation, error }: EndedCall): void {
    const facts = this.#facts.get(keyOf(upstream, host));
    if (!facts) return;
    const failure = error && failureOf(error, facts.isProven);
    if (failure !== undefined) this.#failed(facts, failure, operation);
    else if (!error || error.kind === 'not-found') this.#worked(facts, operation);
  }

  #failed(facts: Changing, kind: string, operation: EndedCall['operation']): void {
    facts.lastError = { kind, operation, at: this.#now() };
    if (operation === 'ping') return;
    facts.failures = (facts.failures ?? 0) + 1;
    if (!facts.isProven || facts.failures >= MIN_FAILURES) facts.failing = kind;
  }

  /** A host that responds to a ping may still refuse all content. */
  #worked(facts: Changing, operation: EndedCall['operation']): void {
    facts.lastOkAt = this.#now();
    facts.failures = 0;
    delete facts.failing;
    if (operation !== 'ping') facts.isProven = true;
  }

  breakerChanged({ upstream, host, from, to, reason }: Event<'breakerChanged'>): void {
    const facts = this.#facts.get(keyOf(upstream, host));
    if (!facts) return;
    // A probe that fails does not begin another outage.
    const since = from === 'closed' ? this.#now() : facts.breaker?.since;
    if (to === 'closed') delete facts.breaker;
    else
      facts.breaker = { since: since ?? this.#now(), reason: to === 'open' ? reason : (facts.breaker?.reason ?? '') };
  }
}

/**
 * The kind of a failure of the host. A refusal, or a 404 that may be of something else than a registry, is one only at a host that has never
 * worked: a client can request names that do not exist.
 */
function failureOf({ kind, options }: NonNullable<EndedCall['error']>, isProven = false): string | undefined {
  if (HOST_FAILURES.has(kind)) return kind;
  if (isProven) return undefined;
  if (kind === 'not-found') return options.isPlainNotFound ? 'protocol' : undefined;
  return kind === 'unauthorized' || kind === 'denied' ? kind : undefined;
}

/** @returns undefined for a response that shows a working host */
export function errorKind(status: Exchange['status']): string | undefined {
  if (typeof status === 'string') return status.replace('error:', '');
  if (status === 429) return 'throttled';
  return status >= 500 ? 'server' : undefined;
}

function keyOf(upstream: string, host: string): string {
  return `${upstream} ${host}`;
}
