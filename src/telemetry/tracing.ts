import type { IncomingHttpHeaders } from 'node:http';

import type { ObserveExchange } from '../upstream/upstream.ts';
import type { RequestTrace } from '../http/v2/request-events.ts';

/** Work of requests, as spans of a trace. Work without a request has none. */
export interface Tracing {
  /** Continues the client's trace, if it sent one, or starts another. */
  requestStarted(method: string, headers: IncomingHttpHeaders): RequestTrace;
  storageAction(event: StorageAction): void;
  readonly followUpstream: ObserveExchange;
  fillStarted(event: TracedFill): void;
  /** @param failure why nothing was stored; absent when the blob was stored */
  fillEnded(event: TracedFill, failure?: string): void;
  /** Sends the remaining spans, for a bounded time. */
  stop(): Promise<void>;
}

export interface TracedFill {
  readonly upstream: string;
  readonly repository: string;
  readonly digest: string;
  /** Of the whole blob, or so far. */
  readonly bytes?: number | undefined;
}

export interface StorageAction {
  readonly driver: string;
  /** Distribution's name, such as `GetContent` or `Stat`. */
  readonly action: string;
  readonly path: string;
  readonly durationMs: number;
  /** Absent when it succeeded. */
  readonly error?: unknown;
}
