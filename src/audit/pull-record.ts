import type { Digest } from '../oci/digest.ts';

/**
 * - `pull`: a manifest was requested with GET
 * - `check`: its digest was, with HEAD for a tag, or the client had it already (304)
 * - `blobs`: blobs were requested from the repository
 */
export type PullKind = 'pull' | 'check' | 'blobs';

/** Outcomes of a lookup as in `X-Cache`. `refused`: access was denied; `failed`: any other error, or the client disconnected. */
export type PullOutcome = 'hit' | 'miss' | 'fill' | 'stale' | 'bypass' | 'refused' | 'failed';

/** Equal requests of one client within a batch, which takes seconds. */
export interface PullRecord {
  /** Of the first request. Unix milliseconds. */
  readonly at: number;
  readonly kind: PullKind;
  /** The stored name; as requested when the name has no registry. */
  readonly repository: string;
  /** The name in the request. Absent when it is the stored one. */
  readonly requestedAs?: string | undefined;
  /** Absent for hosted content. */
  readonly upstream?: string | undefined;
  /** Tag or digest in the request. Absent for blobs. */
  readonly reference?: string | undefined;
  /** Of the manifest that was served. Absent when none was. */
  readonly digest?: Digest | undefined;
  /** The index that has the manifest for a platform. Absent when none of the repository is known. */
  readonly index?: Digest | undefined;
  /** In that index, such as `linux/arm64/v8`. */
  readonly platform?: string | undefined;
  readonly outcome: PullOutcome;
  /** Code of the error in the response. Absent without one. */
  readonly error?: string | undefined;
  /** Name of the client. Absent when it is anonymous. */
  readonly user?: string | undefined;
  /** IP address or network of the client. Absent when it is not recorded, and on a unix socket. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Requests. */
  readonly count: number;
  /** Bytes of body sent to the client. */
  readonly bytes: number;
}

/** Facts about a request to the registry. */
export interface ServedRequest {
  /** IP address. Absent on a unix socket. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Empty for an anonymous client. */
  readonly user?: string | undefined;
  readonly method: string;
  readonly handler: string;
  /** As requested. */
  readonly repository?: string | undefined;
  /** Tag or digest. */
  readonly reference?: string | undefined;
  /** Absent when the name has no registry. */
  readonly stored?: string | undefined;
  /** Of the served content. Absent when none was. */
  readonly digest?: Digest | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly outcome?: string | undefined;
  readonly upstream?: string | undefined;
  readonly error?: { readonly code: string } | undefined;
  /** The response was cut off. */
  readonly aborted: boolean;
}
