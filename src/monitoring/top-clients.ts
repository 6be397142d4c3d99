import type { NamedBy } from '../registry/named-by.ts';
import type { SeenRequest } from './seen-request.ts';

/** What one client did. Times in Unix milliseconds. */
export interface ClientCounts {
  readonly client: string;
  readonly isUser: boolean;
  agent: string | undefined;
  readonly namedBy: Partial<Record<NamedBy, number>>;
  requests: number;
  /** Of {@link requests}, those that may be of clients that this one replaced. */
  overcount: number;
  pings: number;
  pulls: number;
  hits: number;
  errors: number;
  bytes: number;
  firstAt: number;
  lastAt: number;
}

/**
 * The clients with the most requests, in bounded memory, by the algorithm Space-Saving: those with the fewest make place for new ones, which
 * begin with as many requests as a removed client can have had. So no client with more than that is missing. Several are removed
 * together, because finding them takes as long as finding one.
 *
 * @see Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams (2005)
 */
export class TopClients {
  readonly #max: number;
  readonly #users = new Map<string, ClientCounts>();
  readonly #addresses = new Map<string, ClientCounts>();
  /** The most requests that a removed client can have had. */
  #removed = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Does nothing for a request without a client. */
  add(request: SeenRequest, at: number): void {
    const client = request.user || request.address;
    if (client === undefined) return;
    const counts = this.#of(client, request.user !== undefined && request.user !== '', at);
    counts.requests += 1;
    counts.lastAt = at;
    counts.agent = request.userAgent;
    counts.bytes += request.bytes;
    if (request.namedBy) counts.namedBy[request.namedBy] = (counts.namedBy[request.namedBy] ?? 0) + 1;
    if (request.handler === 'ping') counts.pings += 1;
    // Every client with credentials gets a 401 first.
    else if (request.status >= 400 && request.status !== 401) counts.errors += 1;
    else if (isPull(request)) {
      counts.pulls += 1;
      if (request.outcome === 'HIT' || request.outcome === 'STALE') counts.hits += 1;
    }
  }

  /** Adds the counts of another process. */
  merge(other: ClientCounts): void {
    const counts = this.#of(other.client, other.isUser, other.firstAt);
    for (const key of ['requests', 'overcount', 'pings', 'pulls', 'hits', 'errors', 'bytes'] as const)
      counts[key] += other[key];
    for (const [name, times] of Object.entries(other.namedBy) as [NamedBy, number][])
      counts.namedBy[name] = (counts.namedBy[name] ?? 0) + times;
    counts.agent = other.agent ?? counts.agent;
    counts.firstAt = Math.min(counts.firstAt, other.firstAt);
    counts.lastAt = Math.max(counts.lastAt, other.lastAt);
  }

  /** Those with the most requests first. */
  sorted(): readonly ClientCounts[] {
    return this.#all().slice(0, this.#max);
  }

  /** Removes all. @returns those with the most requests first */
  take(): readonly ClientCounts[] {
    const taken = this.sorted();
    this.#users.clear();
    this.#addresses.clear();
    this.#removed = 0;
    return taken;
  }

  #of(client: string, isUser: boolean, at: number): ClientCounts {
    const known = isUser ? this.#users : this.#addresses;
    const found = known.get(client);
    if (found) return found;
    if (this.#users.size + this.#addresses.size >= 3 * this.#max) this.#prune();
    const [requests, overcount] = [this.#removed, this.#removed];
    const counts = { ...NOTHING, client, isUser, namedBy: {}, firstAt: at, requests, overcount };
    known.set(client, counts);
    return counts;
  }

  #prune(): void {
    const least = this.#all().slice(this.#max);
    this.#removed = Math.max(this.#removed, least[0]?.requests ?? 0);
    for (const { client, isUser } of least) (isUser ? this.#users : this.#addresses).delete(client);
  }

  #all(): ClientCounts[] {
    return [...this.#users.values(), ...this.#addresses.values()].sort((a, b) => b.requests - a.requests);
  }
}

const NOTHING = { agent: undefined, pings: 0, pulls: 0, hits: 0, errors: 0, bytes: 0, lastAt: 0 };

function isPull({ handler, method, status }: SeenRequest): boolean {
  return (handler === 'manifest' || handler === 'blob') && method === 'GET' && status < 400;
}
