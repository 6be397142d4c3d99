import type { PullRecord } from '../audit/pull-record.ts';
import type { AuditConfig, HttpConfig, LogConfig } from '../config/config.ts';
import type { Digest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import type { NamedBy } from '../registry/named-by.ts';
import type { ActivityBatch } from '../monitoring/activity.ts';
import type { MetricChanges } from '../telemetry/metrics.ts';

/** The first message to a worker. */
export interface WorkerStart {
  readonly type: 'start';
  readonly number: number;
  /** Socket of the main process, which serves what the worker does not. */
  readonly mainSocket: string;
  /** Socket for the worker's server, which must listen to enforce its timeouts. No client knows it. */
  readonly ownSocket: string;
  readonly http: HttpConfig;
  readonly log: LogConfig;
  /** Absent when pulls are not recorded. */
  readonly audit: Pick<AuditConfig, 'addresses'> | undefined;
  /** Of these, the worker serves at most so many of one client at a time itself. 0: no limit. */
  readonly maxRequestsPerClient: number;
}

/** What a request that equals another one in its {@link permitKey} may get from a worker. */
export interface Permit {
  readonly type: 'permit';
  readonly key: string;
  readonly request: PermittedRequest;
  /** Name of the client. Empty when it is anonymous. */
  readonly user: string;
  /** For `OCI-Namespace`. */
  readonly sourceHost: string | undefined;
  readonly upstream: string | undefined;
  /** How the client named the upstream. */
  readonly namedBy: NamedBy | undefined;
  /** A `HEAD` request is not permitted. */
  readonly isGetOnly: boolean;
  /** When it ends. Milliseconds of {@link sharedNow}. */
  readonly until: number;
  /** Absent unless the request is for a tag. */
  readonly tag: PermittedTag | undefined;
  readonly content: PermittedContent;
}

export type PermittedRequest =
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest };

export interface PermittedTag {
  /** Of {@link tagName}. */
  readonly name: string;
  /** When it has to be revalidated. Milliseconds of {@link sharedNow}. */
  readonly until: number;
}

export interface PermittedContent {
  /** Of {@link contentName}. */
  readonly name: string;
  /** Stored name of the repository. */
  readonly stored: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly source: { readonly bytes: Uint8Array } | { readonly file: string };
}

export type ToWorker =
  | WorkerStart
  /** With a socket. */
  | { readonly type: 'connection'; readonly id: number }
  | Permit
  /** Absent names: everything. The worker responds `forgotten` with the same id. */
  | { readonly type: 'forget'; readonly id: number; readonly name: string | undefined }
  /** Connections end after the request in progress. */
  | { readonly type: 'announce-drain' }
  | { readonly type: 'drain'; readonly timeoutMs: number };

/** Content of an upstream that was served. */
export interface ReportedUse {
  readonly stored: string;
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
  readonly size: number;
}

export interface Report {
  readonly type: 'report';
  readonly uses: readonly ReportedUse[];
  readonly pulls: readonly PullRecord[];
  readonly metrics: MetricChanges;
  /** Addresses of clients that were served. */
  readonly clients: readonly string[];
  readonly activity: ActivityBatch;
}

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'forgotten'; readonly id: number }
  /** It has the connection, and has read nothing from it yet. */
  | { readonly type: 'taken'; readonly id: number }
  /** New connections get a certificate that expires then. Unix milliseconds. */
  | { readonly type: 'certificate'; readonly expiresAt: number }
  | { readonly type: 'closed'; readonly ids: readonly number[] }
  | Report;

/** Of a repository's content, by its stored name. */
export function contentName(repository: string, digest: string): string {
  return `${repository}@${digest}`;
}

/** Of a repository's tag, by its stored name. */
export function tagName(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}

/** A clock that all processes of a machine share. Milliseconds. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
