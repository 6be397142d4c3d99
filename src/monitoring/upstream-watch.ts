import type { UpstreamEvents } from '../upstream/upstream.ts';

type Event<Name extends keyof UpstreamEvents> = Parameters<UpstreamEvents[Name]>[0];
type Exchange = Event<'exchangeCompleted'>;

/** What the last requests to a host showed. Times in Unix milliseconds. */
export interface HostFacts {
  readonly lastOkAt?: number;
  readonly lastError?: { readonly kind: string; readonly operation: string; readonly at: number };
  /** When its breaker last changed, and why. */
  readonly breaker?: { readonly since: number; readonly reason: string };
}

type Changing = { -readonly [Key in keyof HostFacts]: HostFacts[Key] };

const NOTHING: HostFacts = {};

/** The last events of the configured hosts of upstreams. */
export class UpstreamWatch implements Pick<UpstreamEvents, 'exchangeCompleted' | 'breakerChanged'> {
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
    if (kind === undefined) facts.lastOkAt = this.#now();
    else facts.lastError = { kind, operation, at: this.#now() };
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

/** @returns undefined for a response that shows a working host */
export function errorKind(status: Exchange['status']): string | undefined {
  if (typeof status === 'string') return status.replace('error:', '');
  if (status === 429) return 'throttled';
  return status >= 500 ? 'server' : undefined;
}

function keyOf(upstream: string, host: string): string {
  return `${upstream} ${host}`;
}
