import type { LookupFunction } from 'node:net';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import { openBlob, resolveBlob } from './blob-requests.ts';
import { SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Breakers } from './breakers.ts';
import { CallScope } from './call-scope.ts';
import type { Endpoint } from './endpoint.ts';
import { type EndpointsOptions, connectEndpoints } from './endpoints.ts';
import { fetchManifest, type ManifestCall, resolveManifest } from './manifest-requests.ts';
import type { RateLimitGauge } from './rate-limit.ts';
import { listReferrers } from './referrer-requests.ts';
import { listTags } from './list-requests.ts';
import { uploadLocation } from './upload-location.ts';
import type { UpstreamLogin } from '../registry/registry.ts';
import type { WantedContent } from '../registry/repository-access.ts';
import { checkAccess, findChallenge } from './access-requests.ts';
import {
  type AccessCheck,
  type AccessResult,
  type EndedCall,
  type EndpointProbe,
  type EndpointState,
  type FetchedManifest,
  type OpenBlobOptions,
  type OperatedUpstream,
  type ResolvedBlob,
  type ResolvedManifest,
  type TagPage,
  type UpstreamBlob,
  type UpstreamCallOptions,
  UpstreamError,
  type UpstreamEvents,
  type UpstreamStatus,
  type WriteAccess,
} from './upstream.ts';

/**
 * An upstream over HTTP. Opens no connection before the first call.
 *
 * @throws when `tls.caFile` cannot be read
 */
export function createUpstream(options: EndpointsOptions): OperatedUpstream & AccessCheck {
  const { config, events, clock = SYSTEM_CLOCK } = options;
  return new RegistryUpstream({ name: config.name, events, now: clock.now, ...connectEndpoints(options) });
}

interface RegistryUpstreamOptions {
  readonly name: string;
  readonly events: UpstreamEvents;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly breakers: Breakers;
  readonly rateLimit: RateLimitGauge;
  readonly mirrors: readonly Endpoint[];
  /** The registry itself, whose errors are those of the upstream. */
  readonly remote: Endpoint;
  readonly close: () => Promise<void>;
}

/** Milliseconds. */
const PROBE_MS = 10_000;

interface Asked extends Pick<EndedCall, 'operation' | 'repository'> {
  /** About a tag, of which a mirror may have an old idea. @default false */
  readonly isTag?: boolean;
}

/** Mirrors and the registry behind them as one upstream. */
export class RegistryUpstream implements OperatedUpstream, AccessCheck {
  readonly name: string;
  #offlineUntil: number | undefined;
  readonly #options: RegistryUpstreamOptions;

  constructor(options: RegistryUpstreamOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async resolveManifest(
    repository: string,
    reference: Reference,
    options?: UpstreamCallOptions,
  ): Promise<ResolvedManifest> {
    const resolved = await this.#request(
      options,
      (endpoint, scope) => resolveManifest(endpoint, { repository, reference, scope }),
      { operation: 'manifest', repository, isTag: reference.kind === 'tag' },
    );
    if (resolved.fetched) this.#received('manifest', resolved.fetched.bytes.length);
    return resolved;
  }

  async fetchManifest(
    repository: string,
    reference: Reference,
    options?: UpstreamCallOptions,
  ): Promise<FetchedManifest> {
    const fetched = await this.#request(
      options,
      (endpoint, scope) => this.#fetchFrom(endpoint, { repository, reference, scope }),
      { operation: 'manifest', repository, isTag: reference.kind === 'tag' },
    );
    this.#received('manifest', fetched.bytes.length);
    return fetched;
  }

  resolveBlob(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ResolvedBlob> {
    return this.#request(options, (endpoint, scope) => resolveBlob(endpoint, { repository, digest, scope }), {
      operation: 'blob',
      repository,
    });
  }

  /** The body keeps listening to `options.signal`; the deadline ends with the headers. */
  async openBlob(repository: string, digest: Digest, options: OpenBlobOptions = {}): Promise<UpstreamBlob> {
    const { start = 0, end } = options;
    const onBytes = (bytes: number) => this.#received('blob', bytes);
    this.#assertOnline();
    const scope = new CallScope(this.name, options);
    try {
      return await this.#inOrder(
        scope,
        (endpoint) => openBlob(endpoint, { repository, digest, scope, start, end, onBytes }),
        { operation: 'blob', repository },
      );
    } catch (err) {
      scope.close();
      throw err;
    }
  }

  listTags(repository: string, page: PageRequest, options?: UpstreamCallOptions): Promise<TagPage> {
    return this.#request(options, (endpoint, scope) => listTags(endpoint, { repository, page, scope }), {
      operation: 'tags',
      repository,
      isTag: true,
    });
  }

  listReferrers(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ManifestDescriptor[]> {
    return this.#request(options, (endpoint, scope) => listReferrers(endpoint, { repository, digest, scope }), {
      operation: 'referrers',
      repository,
    });
  }

  async checkAccess(
    repository: string,
    wanted: WantedContent,
    options: UpstreamCallOptions & { readonly login: UpstreamLogin },
  ): Promise<AccessResult> {
    this.#assertOnline();
    const scope = new CallScope(this.name, options, { needsNewToken: true });
    const { remote } = this.#options;
    const operation = wanted.kind;
    try {
      return await this.#observed(remote, { operation, repository }, () =>
        checkAccess(remote, { repository, wanted, scope }),
      );
    } finally {
      scope.close();
    }
  }

  async findChallenge(repository: string, options?: UpstreamCallOptions): Promise<string | undefined> {
    this.#assertOnline();
    const scope = new CallScope(this.name, options);
    try {
      return await findChallenge(this.#options.remote, repository, scope);
    } finally {
      scope.close();
    }
  }

  async authorizeWrite(repository: string, access: WriteAccess): Promise<string | undefined> {
    this.#assertOnline();
    const scope = new CallScope(this.name);
    try {
      return await this.#options.remote.authorizeWrite(repository, access, scope);
    } finally {
      scope.close();
    }
  }

  async ping(options?: UpstreamCallOptions): Promise<void> {
    const scope = new CallScope(this.name, options);
    try {
      await this.#options.remote.ping(scope);
    } finally {
      scope.close();
    }
  }

  uploadUrl(location: string | undefined, { from, status }: { readonly from: URL; readonly status: number }): URL {
    const { base, destinations } = this.#options.remote;
    const url = uploadLocation(location, { upstream: this.name, base, from, status });
    destinations.check(url, 'no-further');
    return url;
  }

  get uploadLookup(): LookupFunction {
    return this.#options.remote.destinations.lookup('no-further');
  }

  prefersOlder(repository: string): boolean {
    return this.#options.remote.accounts.prefersOlder(repository);
  }

  status(): UpstreamStatus {
    const { breakers, remote, rateLimit } = this.#options;
    const { logins } = remote.accounts;
    return {
      ...breakers.status(remote.base.host),
      ...(rateLimit.current && { rateLimit: rateLimit.current }),
      ...(logins.length > 0 && { logins }),
    };
  }

  endpoints(): readonly EndpointState[] {
    const { breakers } = this.#options;
    return this.#endpoints.map(({ base: { host }, isMirror }) => ({ host, isMirror, ...breakers.status(host) }));
  }

  probe(): Promise<readonly EndpointProbe[]> {
    return Promise.all(this.#endpoints.map((endpoint) => this.#probe(endpoint)));
  }

  reset(): void {
    this.#options.breakers.reset();
  }

  setOffline(until: number | undefined): void {
    this.#offlineUntil = until;
  }

  get offlineUntil(): number | undefined {
    const until = this.#offlineUntil;
    return until !== undefined && until > this.#options.now() ? until : undefined;
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  get #endpoints(): readonly Endpoint[] {
    return [this.#options.remote, ...this.#options.mirrors];
  }

  async #probe(endpoint: Endpoint): Promise<EndpointProbe> {
    const { host } = endpoint.base;
    this.#options.breakers.allowProbe(host);
    const scope = new CallScope(this.name, { deadlineMs: PROBE_MS });
    const startedAt = performance.now();
    const ended = () => ({ host, durationMs: Math.round(performance.now() - startedAt) });
    try {
      await this.#observed(endpoint, { operation: 'ping' }, () => endpoint.probe(scope));
      return { ...ended(), ok: true };
    } catch (err) {
      return { ...ended(), ok: false, error: err instanceof Error ? err.message : String(err) };
    } finally {
      scope.close();
    }
  }

  /** @throws {UpstreamError} `unavailable` */
  #assertOnline(): void {
    const until = this.offlineUntil;
    if (until === undefined) return;
    const message = `${this.name}: taken offline until ${new Date(until).toISOString()}`;
    const retryAfterMs = until - this.#options.now();
    throw new UpstreamError('unavailable', message, { upstream: this.name, retryAfterMs });
  }

  async #request<T>(
    options: UpstreamCallOptions | undefined,
    send: (endpoint: Endpoint, scope: CallScope) => Promise<T>,
    asked: Asked,
  ): Promise<T> {
    this.#assertOnline();
    const scope = new CallScope(this.name, options);
    try {
      return await this.#inOrder(scope, (endpoint) => send(endpoint, scope), asked);
    } finally {
      scope.close();
    }
  }

  /** Mirrors first; after any failure of one the next is tried, until the deadline. */
  async #inOrder<T>(
    scope: CallScope,
    send: (endpoint: Endpoint) => Promise<T>,
    { isTag = false, ...call }: Asked,
  ): Promise<T> {
    const sendTo = (endpoint: Endpoint) => this.#observed(endpoint, call, () => send(endpoint));
    const isPrivate = scope.isForRegistryAlone || (scope.login === undefined && this.#isForGroups(call.repository));
    for (const mirror of isPrivate ? [] : this.#options.mirrors) {
      if (isTag && !mirror.knowsTags) continue;
      try {
        return await sendTo(mirror);
      } catch (err) {
        if (!(err instanceof UpstreamError) || scope.signal.aborted) throw err;
      }
    }
    return sendTo(this.#options.remote);
  }

  /** Jobs read private repositories as well, whose names mirrors must not get. */
  #isForGroups(repository: string | undefined): boolean {
    return this.#options.remote.accounts.isForGroups(repository);
  }

  async #observed<T>(
    { base: { host } }: Endpoint,
    call: Pick<EndedCall, 'operation' | 'repository'>,
    send: () => Promise<T>,
  ): Promise<T> {
    const ended = { upstream: this.name, host, ...call };
    const { events } = this.#options;
    try {
      const result = await send();
      events.callEnded(ended);
      return result;
    } catch (error) {
      if (error instanceof UpstreamError) events.callEnded({ ...ended, error });
      throw error;
    }
  }

  async #fetchFrom(endpoint: Endpoint, call: ManifestCall): Promise<FetchedManifest> {
    const fetched = await fetchManifest(endpoint, call);
    if (endpoint.isMirror) this.#options.events.pulledFromMirror({ upstream: this.name });
    return fetched;
  }

  #received(kind: 'manifest' | 'blob', bytes: number): void {
    this.#options.events.bytesReceived({ upstream: this.name, kind, bytes });
  }
}
