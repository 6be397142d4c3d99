import type { IncomingHttpHeaders } from 'node:http';

import type { ObserveExchange } from '../upstream/upstream.ts';
import type { RequestTrace } from '../http/v2/request-events.ts';

/** What happens, as spans of a trace. What happens for no request has none. */
export interface Tracing {
  /** Continues the client's trace, if it sent one, or begins another. */
  requestStarted(method: string, headers: IncomingHttpHeaders): RequestTrace;
  storageAction(event: StorageAction): void;
  readonly followUpstream: ObserveExchange;
  fillStarted(event: TracedFill): void;
  /** @param failure why nothing was stored; undefined when the blob was */
  fillEnded(event: TracedFill, failure?: string): void;
  /** Sends what there is, for a bounded time, and ends. */
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
  /** Distribution's name of it, such as `GetContent` or `Stat`. */
  readonly action: string;
  readonly path: string;
  readonly durationMs: number;
  /** What it failed with; undefined when it did not. */
  readonly error?: unknown;
}
