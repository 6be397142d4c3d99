import type { IncomingHttpHeaders } from 'node:http';

import type { Digest } from '../../oci/digest.ts';
import type { NamedBy } from '../../registry/named-by.ts';
import type { Outcome } from '../../registry/registry.ts';

/** Names of the handlers of distribution, where it has the endpoint. */
export type RequestHandlerName =
  | 'ping'
  | 'manifest'
  | 'blob'
  | 'blob_upload'
  | 'blob_upload_chunk'
  | 'tags'
  | 'catalog'
  | 'referrers'
  | 'other';

export interface RecordedError {
  readonly code: string;
  readonly message: string;
  /** `upstream`, or the name of the policy that refused, such as `deny`. Absent for other errors. */
  readonly from?: string | undefined;
}

export interface FinishedRequest {
  readonly requestId: string;
  /** Absent when the request is not traced. */
  readonly traceId?: string | undefined;
  /** Address and port of the client. */
  readonly client: string;
  /** IP address of the client. Absent on a unix socket. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Empty for an anonymous client. */
  readonly user?: string | undefined;
  /** Such as `HTTP/1.1`. */
  readonly protocol?: string | undefined;
  readonly method: string;
  /** The request target as the client sent it. It may contain secrets, which must not be logged. */
  readonly url: string;
  readonly handler: RequestHandlerName;
  readonly repository?: string | undefined;
  readonly reference?: string | undefined;
  /** Stored name of the repository. Absent when no registry has the name. */
  readonly stored?: string | undefined;
  /** How the client named the upstream. Absent for hosted names. */
  readonly namedBy?: NamedBy | undefined;
  /** Of the served content. Absent when none was served. */
  readonly digest?: Digest | undefined;
  readonly status: number;
  /** Bytes of the request's body. @default 0 */
  readonly requestBytes?: number | undefined;
  /** Bytes of body sent to the client. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly outcome?: Outcome | undefined;
  readonly upstream?: string | undefined;
  /** Time spent waiting for the upstream. Milliseconds. */
  readonly upstreamMs?: number | undefined;
  readonly error?: RecordedError | undefined;
  /** The response was cut off, by the client or by Layover. */
  readonly aborted: boolean;
}

export interface ServedContent {
  readonly upstream: string;
  readonly type: 'blob' | 'manifest';
  readonly outcome: Outcome;
  /** Sent to the client. */
  readonly bytes: number;
  /** The upstream was queried. */
  readonly isFromUpstream: boolean;
}

/** The trace of one request. */
export interface RequestTrace {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** Everything that `work` starts belongs to the request. */
  run<T>(work: () => T): T;
  finished(request: FinishedRequest): void;
}

/** Where errors are logged that a client must not see. */
export interface ErrorLog {
  error(fields: Readonly<Record<string, string>>, message: string): void;
}

/** Facts about requests, for logs, metrics and traces. */
export interface RequestEvents {
  readonly log: ErrorLog;
  /** Each call is followed by exactly one {@link requestFinished} with the same handler. */
  requestStarted(handler: RequestHandlerName): void;
  requestFinished(request: FinishedRequest): void;
  /** @param client its address */
  clientRefused(reason: 'requests', client: string): void;
  readonly cache: {
    /** Once for each blob or manifest of an upstream that was sent. */
    served(content: ServedContent): void;
  };
  /** Absent when tracing is off. */
  readonly tracing?:
    | {
        /** Continues the client's trace, if it sent one, or starts another. */
        requestStarted(method: string, headers: IncomingHttpHeaders): RequestTrace;
      }
    | undefined;
}
