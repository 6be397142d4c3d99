import type { IncomingHttpHeaders } from 'node:http';

/** What a request to {@link Hub} asked for, and of which of its three origins: registry, CDN (`cdn-*`) or token server. */
export type RequestKind =
  | 'ping'
  | 'manifest-head'
  | 'manifest-get'
  | 'blob-head'
  | 'blob-get'
  | 'cdn-head'
  | 'cdn-get'
  | 'referrers'
  | 'tags'
  | 'token'
  /** Came without a token that allows it, whatever it asked for; is answered with the challenge. */
  | 'unauthorized'
  | 'other';

export interface LoggedRequest {
  readonly kind: RequestKind;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Whether an `Authorization` header came along, and of which scheme. */
  readonly authorization: 'none' | 'basic' | 'bearer' | 'other';
  readonly range: string | undefined;
  readonly repository: string | undefined;
  /** Tag or digest, as it was asked for. */
  readonly reference: string | undefined;
  /** 0 until there is an answer. */
  status: number;
  /** Body bytes given to the connection so far. */
  bytes: number;
  /** The answer was sent to its end. */
  complete: boolean;
}

/** Every request that reached an upstream, oldest first. */
export class RequestLog {
  readonly #all: LoggedRequest[] = [];

  get all(): readonly LoggedRequest[] {
    return this.#all;
  }

  add(request: LoggedRequest): LoggedRequest {
    this.#all.push(request);
    return request;
  }

  of(...kinds: readonly RequestKind[]): readonly LoggedRequest[] {
    return this.#all.filter((request) => kinds.includes(request.kind));
  }

  count(...kinds: readonly RequestKind[]): number {
    return this.of(...kinds).length;
  }

  /** Body bytes of these kinds together. */
  bytes(...kinds: readonly RequestKind[]): number {
    return this.of(...kinds).reduce((sum, request) => sum + request.bytes, 0);
  }

  /** How often each kind was asked for; kinds that were not are absent. For `toEqual`. */
  counts(): Partial<Record<RequestKind, number>> {
    const counts: Partial<Record<RequestKind, number>> = {};
    for (const { kind } of this.#all) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  /** `HEAD /v2/library/app/manifests/1 200`, one line per request. */
  lines(): readonly string[] {
    return this.#all.map(({ method, path, status }) => `${method} ${path} ${status}`);
  }

  reset(): void {
    this.#all.length = 0;
  }
}
