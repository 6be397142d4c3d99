import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';

export interface WriteAccess {
  /** A repository of which a blob is to be mounted. */
  readonly from: string | undefined;
  /** Asked for when it is needed alone: some token servers refuse a scope with an action that they do not know. */
  readonly deletes: boolean;
  /** The header that was sent and not accepted; there may be another. */
  readonly refused?: string | undefined;
}

/** One registry we fetch from, behind all of its URLs and mirrors. Lives as long as the process. */
export interface Upstream {
  /** The `ns` value and path prefix, such as `docker.io`. */
  readonly name: string;

  /**
   * Which manifest a reference names, by `HEAD` (which Docker Hub does not count as a pull).
   * A registry that answers `HEAD` with 404, 405 or without a digest is asked by `GET`; then
   * `fetched` has what came, so that nobody asks twice.
   *
   * @throws {UpstreamError}
   */
  resolveManifest(repository: string, reference: Reference, options?: UpstreamCallOptions): Promise<ResolvedManifest>;

  /**
   * The bytes of a manifest, as the upstream sent them. **Not verified**: the caller compares the digest.
   *
   * @throws {UpstreamError} kind `protocol` when it is larger than {@link MAX_MANIFEST_BYTES}
   */
  fetchManifest(repository: string, reference: Reference, options?: UpstreamCallOptions): Promise<FetchedManifest>;

  /** Whether the repository has a blob, and its size as far as it is told. @throws {UpstreamError} */
  resolveBlob(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ResolvedBlob>;

  /**
   * Opens a blob at `start`. Resolves when the headers are in. The body can break at any moment
   * (it is destroyed with an {@link UpstreamError}); the caller opens again where it broke, and is then led through
   * a fresh redirect. The caller reads `body` to the end or destroys it.
   *
   * @throws {UpstreamError}
   */
  openBlob(repository: string, digest: Digest, options?: OpenBlobOptions): Promise<UpstreamBlob>;

  /** One page of the tags. @throws {UpstreamError} */
  listTags(repository: string, page: PageRequest, options?: UpstreamCallOptions): Promise<TagPage>;

  /**
   * All referrers of a manifest (every page), by the API or, where the upstream has none, by the tag schema
   * `<algorithm>-<hex>`. Empty when there are none.
   *
   * @throws {UpstreamError}
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
   */
  listReferrers(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ManifestDescriptor[]>;

  /**
   * The `Authorization` header with which the registry itself, no mirror, lets us push to a repository and delete from it. To be sent
   * to its own origin and to no other.
   *
   * @returns undefined when it wants none, or there is none to give
   * @throws {UpstreamError}
   */
  authorizeWrite(repository: string, access: WriteAccess): Promise<string | undefined>;

  /**
   * Where an upload continues, of which the registry itself said so in a `Location`.
   *
   * @param response.from what was requested
   * @throws {UpstreamError} `protocol` without a usable `Location`, or for one that the registry may not lead to
   */
  uploadUrl(location: string | undefined, response: { readonly from: URL; readonly status: number }): URL;

  /** Resolves the names of other hosts than the registry's that {@link uploadUrl} led to; fails for addresses that it may not lead to. */
  readonly uploadLookup: LookupFunction;

  /**
   * Whether it can be asked, by `GET /v2/` without credentials, which no registry counts as a pull. Any answer but a 5xx is a good one.
   *
   * @throws {UpstreamError}
   */
  ping(options?: UpstreamCallOptions): Promise<void>;

  status(): UpstreamStatus;

  /** Ends the connection pools; requests under way fail. */
  close(): Promise<void>;
}

/** Distribution takes manifests up to 4 MiB, other registries larger ones. */
export const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

export interface UpstreamCallOptions {
  readonly signal?: AbortSignal;
  /**
   * The whole call, retries and token included, ends within this time, with kind `timeout`; counts as a failure for
   * the breaker. Milliseconds. @default none beyond the configured timeouts
   */
  readonly deadlineMs?: number;
}

export interface OpenBlobOptions extends UpstreamCallOptions {
  /** First byte wanted. @default 0 */
  readonly start?: number;
  /** First byte not wanted; the rest when absent. */
  readonly end?: number;
}

export interface ResolvedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes; undefined when the upstream did not say. */
  readonly size: number | undefined;
  readonly fetched?: FetchedManifest;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  /** The `Content-Type`, without parameters. */
  readonly mediaType: string;
  /** What `Docker-Content-Digest` claims. */
  readonly claimedDigest: Digest | undefined;
}

export interface ResolvedBlob {
  /** Bytes; undefined when the upstream does not say. */
  readonly size: number | undefined;
}

export interface UpstreamBlob {
  /** Bytes of the whole blob; undefined when the upstream did not say. */
  readonly size: number | undefined;
  /** Position of the first byte of `body`: the `start` asked for, or 0 when the upstream ignored the range. */
  readonly start: number;
  readonly body: Readable;
}

export interface TagPage {
  readonly tags: readonly string[];
  /** The page after this one; undefined on the last. */
  readonly next: PageRequest | undefined;
}

export interface UpstreamStatus {
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Milliseconds until an open breaker lets a probe through. */
  readonly retryAfterMs?: number;
  /** What the upstream last said of its limit (Docker Hub: `ratelimit-limit`, `ratelimit-remaining`). */
  readonly rateLimit?: { readonly limit?: number; readonly remaining?: number; readonly windowSeconds?: number };
}

/**
 * - `network`: refused, reset, DNS, TLS
 * - `timeout`: connect, headers, idle or the caller's deadline
 * - `unavailable`: not asked at all, as the breaker is open
 * - `throttled` 429 · `unauthorized` 401 · `denied` 403 · `not-found` 404 · `server` 5xx
 * - `protocol`: an answer that makes no sense: bad JSON, too large, too many redirects, wrong `Content-Range`, another 4xx
 */
export type UpstreamErrorKind =
  | 'network'
  | 'timeout'
  | 'unavailable'
  | 'throttled'
  | 'unauthorized'
  | 'denied'
  | 'not-found'
  | 'server'
  | 'protocol';

export interface UpstreamErrorOptions {
  readonly upstream: string;
  readonly status?: number;
  /** Milliseconds, from `Retry-After` or the breaker. */
  readonly retryAfterMs?: number;
  /** Error code in the upstream's JSON body, such as `TOOMANYREQUESTS`. */
  readonly code?: string;
  readonly cause?: unknown;
}

/** What went wrong with an upstream. The message names the upstream and never holds a secret or a signed URL. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly kind: UpstreamErrorKind;
  readonly options: UpstreamErrorOptions;

  constructor(kind: UpstreamErrorKind, message: string, options: UpstreamErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.options = options;
  }
}

export type UpstreamOperation =
  | 'manifest'
  | 'blob'
  | 'token'
  | 'tags'
  | 'referrers'
  | 'redirect'
  | 'ping'
  | 'catalog'
  | 'push'
  | 'delete';

export interface UpstreamExchange {
  readonly upstream: string;
  readonly host: string;
  readonly operation: UpstreamOperation;
  readonly method: string;
}

/** Called before every HTTP exchange. Undefined: nobody follows this one. */
export type ObserveExchange = (exchange: UpstreamExchange) => ExchangeObserver | undefined;

/** Who wants to know of one exchange from its beginning. */
export interface ExchangeObserver {
  /** Sent with the request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Once: the headers are in, or never will be; `aborted`: the caller gave up. */
  completed(status: number | `error:${UpstreamErrorKind}` | 'aborted'): void;
}

/** What an upstream tells the world; telemetry turns it into metrics and logs. */
export interface UpstreamEvents {
  /** Every HTTP exchange, tokens and redirects included. `status` is `error:<kind>` when none came. */
  exchangeCompleted(event: {
    upstream: string;
    host: string;
    operation: UpstreamOperation;
    method: string;
    status: number | `error:${UpstreamErrorKind}`;
    durationMs: number;
  }): void;
  bytesReceived(event: { upstream: string; kind: 'manifest' | 'blob'; bytes: number }): void;
  rateLimited(event: { upstream: string; limit?: number; remaining?: number; windowSeconds?: number }): void;
  retried(event: { upstream: string; operation: string; reason: string; delayMs: number }): void;
  breakerChanged(event: {
    upstream: string;
    host: string;
    /** The registry or a mirror; otherwise a redirect target, a token server or another host that these named. */
    isConfigured: boolean;
    from: string;
    to: string;
    reason: string;
  }): void;
  credentialsFailed(event: { upstream: string; source: string; reason: string }): void;
}
