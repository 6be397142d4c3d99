import type { UpstreamSummary, Verdict } from '../operations/status-control.ts';

export interface VerdictFacts {
  /** Why it is not ready. Absent when it is. */
  readonly failure: string | undefined;
  /** The configuration turns all upstreams off. */
  readonly isOffline: boolean;
  readonly upstreams: readonly UpstreamSummary[];
  /** What needs attention, as a sentence. The worst one; absent without any. */
  readonly trouble: string | undefined;
  /** Within the last hour. */
  readonly requests: number;
  /** Hit ratio of the last hour, from 0 to 1. */
  readonly ratio: number | undefined;
}

export interface VerdictView {
  readonly verdict: Verdict;
  readonly text: string;
}

/** The state of the service in one sentence. */
export function verdictOf(facts: VerdictFacts): VerdictView {
  const { failure, isOffline, upstreams, trouble } = facts;
  if (failure !== undefined) return { verdict: 'failing', text: `Not ready: ${failure}.` };
  if (isOffline)
    return { verdict: 'offline', text: 'proxy.offline is set: only cached content is served, without upstreams.' };
  const away = upstreams.filter(({ breaker, offlineUntil }) => breaker !== 'closed' || offlineUntil !== undefined);
  const verdict = away.length === upstreams.length ? 'offline' : 'degraded';
  if (away.length > 0) return { verdict, text: `${away.map(unavailable).join('; ')}; cached content is served.` };
  const failing = upstreams.flatMap(({ name, failing: kind }) => (kind === undefined ? [] : [`${name} (${kind})`]));
  if (failing.length > 0)
    return {
      verdict: 'degraded',
      text: `The last requests all failed at ${failing.join(', ')}; cached content is served.`,
    };
  if (trouble !== undefined) return { verdict: 'degraded', text: trouble };
  return quiet(facts);
}

function unavailable({ name, since, offlineUntil }: UpstreamSummary): string {
  if (offlineUntil !== undefined) return `${name} is offline until ${timeOf(offlineUntil)}`;
  return `${name} does not respond${since === undefined ? '' : ` since ${timeOf(since)}`}`;
}

function quiet({ requests, ratio, upstreams }: VerdictFacts): VerdictView {
  if (requests === 0) return { verdict: 'idle', text: 'Working; no client sent a request within the last hour.' };
  if (upstreams.length === 0) return { verdict: 'working', text: 'Working, as a registry without upstreams.' };
  if (ratio === undefined)
    return { verdict: 'working', text: 'Working; no client pulled from an upstream within the last hour.' };
  return { verdict: 'working', text: `Working: ${Math.floor(ratio * 100)} % of the last hour's pulls were cached.` };
}

/** `2026-01-31 14:02 UTC` */
function timeOf(rfc3339: string): string {
  return `${rfc3339.slice(0, 16).replace('T', ' ')} UTC`;
}
