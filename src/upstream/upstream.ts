import type { LookupFunction } from 'node:net';

import type { Spending } from '../budget/spending.ts';
import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import type { UpstreamLogin } from '../registry/registry.ts';
import type { WantedContent } from '../registry/repository-access.ts';
import type { ByteReader } from '../stream/byte-reader.ts';

export interface WriteAccess {
  /** A repository from which a blob is to be mounted. */
  readonly from: string | undefined;
  /** Requested only when needed: some token servers refuse a scope with an unknown action. */
  readonly deletes: boolean;
  /** The header that was sent and not accepted. */
  readonly refused?: string | undefined;
}

/** One registry that content is fetched from, behind all of its URLs and mirrors: the wire-level contract of fills. */
export interface Upstream {
  /** The `ns` value and path prefix, such as `docker.io`. */
  readonly name: string;

  /**
   * The descriptor of a manifest, by `HEAD` (which Docker Hub does not count as a pull).
   * When the response is 405 or has no digest, or is a 404 that may not be final, by `GET`; then
   * `fetched` has the manifest, so that it is not requested twice.
   *
   * @throws {UpstreamError}
   */
  resolveManifest(repository: string, reference: Reference, options?: UpstreamCallOptions): Promise<ResolvedManifest>;

  /**
   * The bytes of a manifest, as the upstream sent them. **Not verified**: the caller does that.
   *
   * @throws {UpstreamError} kind `protocol` when it is larger than {@link MAX_MANIFEST_BYTES}
   */
  fetchManifest(repository: string, reference: Reference, options?: UpstreamCallOptions): Promise<FetchedManifest>;

  /** The size of a blob, if the upstream states it. @throws {UpstreamError} `not-found` when the repository does not have it */
  resolveBlob(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ResolvedBlob>;

  /**
   * Opens a blob at `start`. Resolves when the headers arrive. The body can break at any moment; the caller opens again where
   * it broke, and gets a new redirect. The caller reads `body` to the end or closes it.
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
   * The `Authorization` header for pushes to a repository of the registry itself, not a mirror, and for deletes. To be sent
   * only to its own origin.
   *
   * @returns undefined when the registry requires none, or there is none
   * @throws {UpstreamError}
   */
  authorizeWrite(repository: string, access: WriteAccess): Promise<string | undefined>;

  /**
   * The URL at which an upload continues, from a `Location` of the registry itself.
   *
   * @param response.from the requested URL
   * @throws {UpstreamError} `protocol` without a usable `Location`, or for one that the registry may not lead to
   */
  uploadUrl(location: string | undefined, response: { readonly from: URL; readonly status: number }): URL;

  /** Resolves the names of other hosts that {@link uploadUrl} returned; fails for addresses that the registry may not lead to. */
  readonly uploadLookup: LookupFunction;

  /**
   * Whether it is reachable, by `GET /v2/` without credentials, which no registry counts as a pull. Every response but a 5xx is a success.
   *
   * @throws {UpstreamError}
   */
  ping(options?: UpstreamCallOptions): Promise<void>;

  /** Whether pulls are so scarce that an older manifest of a tag is served instead of a new one. @default never */
  prefersOlder?(repository: string): boolean;

  status(): UpstreamStatus;

  /** Ends the connection pools; requests in progress fail. */
  close(): Promise<void>;
}

/** Distribution accepts manifests up to 4 MiB, other registries larger ones. */
export const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

export interface UpstreamCallOptions {
  readonly signal?: AbortSignal;
  /**
   * The whole call, retries and token included, ends within this time, with kind `timeout`; counts as a failure for
   * the breaker. Milliseconds. @default none beyond the configured timeouts
   */
  readonly deadlineMs?: number;
  /** Who pulls, when it is one. @default a client */
  readonly spending?: Spending | undefined;
  /** Whose credentials are sent. @default those of any account that is for the repository */
  readonly login?: UpstreamLogin | undefined;
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
  /** Bytes; undefined when the upstream did not state it. */
  readonly size: number | undefined;
  readonly fetched?: FetchedManifest;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  /** The `Content-Type`, without parameters. */
  readonly mediaType: string;
  /** From `Docker-Content-Digest`; not verified. */
  readonly claimedDigest: Digest | undefined;
}

export interface ResolvedBlob {
  /** Bytes; undefined when the upstream does not state it. */
  readonly size: number | undefined;
}

/**
 * The bytes of a blob response. Its end is reached only when the body is complete; a read throws an {@link UpstreamError}, or the
 * reason of the caller's signal, when it is not.
 */
export type BlobBody = ByteReader;

export interface UpstreamBlob {
  /** Bytes of the whole blob; undefined when the upstream did not state it. */
  readonly size: number | undefined;
  /** Position of the first byte of `body`: the requested `start`, or 0 when the upstream ignored the range. */
  readonly start: number;
  readonly body: BlobBody;
}

export interface TagPage {
  readonly tags: readonly string[];
  /** Request for the next page; undefined on the last. */
  readonly next: PageRequest | undefined;
}

export interface RepositoryPage {
  readonly repositories: readonly string[];
  /** Request for the next page; undefined on the last. */
  readonly next: PageRequest | undefined;
}

/** Pulls that an upstream allows, from its latest response. */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining?: number;
  /** Length of the window that the limit is for. */
  readonly windowSeconds?: number;
  /** Until the limit is renewed. Absent when the upstream does not send it. */
  readonly resetSeconds?: number;
}

/** Why an account cannot log in. Times in Unix milliseconds. */
export interface LoginTrouble {
  /** `refused`: wrong or expired credentials. `locked-out`: too many logins. */
  readonly reason: 'refused' | 'locked-out';
  readonly since: number;
  /** No login before this. Absent when logins continue. */
  readonly retryAt?: number;
}

/** @property name of the account in the configuration; the user name is `account` */
export interface AccountTrouble extends LoginTrouble {
  readonly name: string;
  readonly account: string;
}

export interface UpstreamStatus {
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Milliseconds until an open breaker lets a probe through. */
  readonly retryAfterMs?: number;
  /** The limit that the upstream last sent (Docker Hub: `ratelimit-limit`, `ratelimit-remaining`). */
  readonly rateLimit?: RateLimit;
  /** Accounts that cannot log in. Absent when all can. */
  readonly logins?: readonly AccountTrouble[];
}

/**
 * Whether a repository may be read. `granted` and `refused` hold for all of its content; `unclear` for the wanted content only, which is
 * not there or not shown.
 */
export type AccessResult = 'granted' | 'refused' | 'unclear';

/** An upstream that can be queried who may read a repository. */
export interface AccessCheck {
  /**
   * Whether a login may read a repository, by the registry itself, with a token that is issued now.
   *
   * @throws {UpstreamError} when the registry does not decide
   */
  checkAccess(
    repository: string,
    wanted: WantedContent,
    options: UpstreamCallOptions & { readonly login: UpstreamLogin },
  ): Promise<AccessResult>;

  /**
   * The registry's challenge for reading a repository, with an absolute realm.
   *
   * @returns undefined when it requires no token
   * @throws {UpstreamError}
   */
  findChallenge(repository: string, options?: UpstreamCallOptions): Promise<string | undefined>;
}

/** An upstream with what operators see of it and change. */
export interface OperatedUpstream extends Upstream {
  /** The registry itself, then its mirrors. */
  endpoints(): readonly EndpointState[];
  /** Sends `GET /v2/` to each of its hosts, also to those whose breaker is open. Only the response of a registry is `ok`. */
  probe(): Promise<readonly EndpointProbe[]>;
  /** Closes all breakers. */
  reset(): void;
  /** It fails as `unavailable`, without requests, until then. Unix milliseconds; absent: it does not. */
  setOffline(until: number | undefined): void;
  /** Absent when requests are sent. */
  readonly offlineUntil: number | undefined;
}

export interface EndpointState extends Pick<UpstreamStatus, 'breaker' | 'retryAfterMs'> {
  /** With its port, if it has one. */
  readonly host: string;
  readonly isMirror: boolean;
}

export interface EndpointProbe {
  readonly host: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** Absent when it responded as a registry. */
  readonly error?: string;
}

/**
 * - `network`: refused, reset, DNS, TLS
 * - `timeout`: connect, headers, idle or the caller's deadline
 * - `unavailable`: not requested, as the breaker is open
 * - `throttled` 429 · `unauthorized` 401 · `denied` 403 · `not-found` 404 · `server` 5xx
 * - `protocol`: an invalid response: bad JSON, too large, too many redirects, wrong `Content-Range`, another 4xx
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
  /** Error code from the upstream's JSON body, such as `TOOMANYREQUESTS`. */
  readonly code?: string;
  readonly cause?: unknown;
  /** A 404 without an error of a registry: the URL may lead to something else. */
  readonly isPlainNotFound?: boolean;
  /** Not requested, as no pull is left. Unix milliseconds; with `fallback`, clients are sent elsewhere. */
  readonly budget?: { readonly retryAt: number; readonly fallback: boolean };
}

/** A failure of an upstream. The message names the upstream and never contains a secret or a signed URL. */
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

/** Called before every HTTP exchange. Returns undefined for one that is not observed. */
export type ObserveExchange = (exchange: UpstreamExchange) => ExchangeObserver | undefined;

/** Observes one exchange from its beginning. */
export interface ExchangeObserver {
  /** Sent with the request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Called once, with the status of the response or the failure; `aborted`: the caller gave up. */
  completed(status: number | `error:${UpstreamErrorKind}` | 'aborted'): void;
}

/** How a call to one host ended, retries and tokens included. */
export interface EndedCall {
  readonly upstream: string;
  /** The registry itself or a mirror. */
  readonly host: string;
  readonly operation: UpstreamOperation;
  /** Absent for calls without one. */
  readonly repository?: string | undefined;
  /** Absent when it succeeded. */
  readonly error?: UpstreamError | undefined;
}

/** Events of an upstream, for metrics and logs. */
export interface UpstreamEvents {
  /** Every call to one host; several exchanges can belong to it. */
  callEnded(event: EndedCall): void;
  /** Every HTTP exchange, tokens and redirects included. `status` is `error:<kind>` when there was no response. */
  exchangeCompleted(event: {
    upstream: string;
    host: string;
    operation: UpstreamOperation;
    method: string;
    status: number | `error:${UpstreamErrorKind}`;
    durationMs: number;
  }): void;
  bytesReceived(event: { upstream: string; kind: 'manifest' | 'blob'; bytes: number }): void;
  /** @param event.account user name that the credentials have; `anonymous` without any, `token` for an identity token */
  rateLimited(event: RateLimit & { readonly upstream: string; readonly account: string }): void;
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
  /** A manifest came from a mirror. */
  pulledFromMirror(event: { upstream: string }): void;
  /** A login failed; without `trouble`, the first one afterwards worked. */
  loginChanged(event: { upstream: string; account: string; trouble: LoginTrouble | undefined }): void;
}
