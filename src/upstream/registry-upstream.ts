import type { LookupFunction } from 'node:net';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import { openBlob, resolveBlob } from './blob-requests.ts';
import type { Breakers } from './breakers.ts';
import { CallScope } from './call-scope.ts';
import type { Endpoint } from './endpoint.ts';
import { type EndpointsOptions, connectEndpoints } from './endpoints.ts';
import { fetchManifest, type ManifestCall, resolveManifest } from './manifest-requests.ts';
import type { RateLimitGauge } from './rate-limit.ts';
import { listReferrers } from './referrer-requests.ts';
import { listTags } from './list-requests.ts';
import { uploadLocation } from './upload-location.ts';
import {
  type FetchedManifest,
  type OpenBlobOptions,
  type ResolvedBlob,
  type ResolvedManifest,
  type TagPage,
  type Upstream,
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
export function createUpstream(options: EndpointsOptions): Upstream {
  return new RegistryUpstream({ name: options.config.name, events: options.events, ...connectEndpoints(options) });
}

interface RegistryUpstreamOptions {
  readonly name: string;
  readonly events: UpstreamEvents;
  readonly breakers: Breakers;
  readonly rateLimit: RateLimitGauge;
  readonly mirrors: readonly Endpoint[];
  /** The registry itself, whose errors are those of the upstream. */
  readonly remote: Endpoint;
  readonly close: () => Promise<void>;
}

interface Asked {
  /** About a tag, of which a mirror may have an old idea. @default false */
  readonly isTag?: boolean;
}

/** Mirrors and the registry behind them as one {@link Upstream}. */
export class RegistryUpstream implements Upstream {
  readonly name: string;
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
      { isTag: reference.kind === 'tag' },
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
      { isTag: reference.kind === 'tag' },
    );
    this.#received('manifest', fetched.bytes.length);
    return fetched;
  }

  resolveBlob(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ResolvedBlob> {
    return this.#request(options, (endpoint, scope) => resolveBlob(endpoint, { repository, digest, scope }));
  }

  /** The body keeps listening to `options.signal`; the deadline ends with the headers. */
  async openBlob(repository: string, digest: Digest, options: OpenBlobOptions = {}): Promise<UpstreamBlob> {
    const { start = 0, end } = options;
    const onBytes = (bytes: number) => this.#received('blob', bytes);
    const scope = new CallScope(this.name, options);
    try {
      return await this.#inOrder(scope, (endpoint) =>
        openBlob(endpoint, { repository, digest, scope, start, end, onBytes }),
      );
    } catch (err) {
      scope.close();
      throw err;
    }
  }

  listTags(repository: string, page: PageRequest, options?: UpstreamCallOptions): Promise<TagPage> {
    return this.#request(options, (endpoint, scope) => listTags(endpoint, { repository, page, scope }), {
      isTag: true,
    });
  }

  listReferrers(repository: string, digest: Digest, options?: UpstreamCallOptions): Promise<ManifestDescriptor[]> {
    return this.#request(options, (endpoint, scope) => listReferrers(endpoint, { repository, digest, scope }));
  }

  async authorizeWrite(repository: string, access: WriteAccess): Promise<string | undefined> {
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

  close(): Promise<void> {
    return this.#options.close();
  }

  async #request<T>(
    options: UpstreamCallOptions | undefined,
    send: (endpoint: Endpoint, scope: CallScope) => Promise<T>,
    asked: Asked = {},
  ): Promise<T> {
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
    { isTag = false }: Asked = {},
  ): Promise<T> {
    for (const mirror of this.#options.mirrors) {
      if (isTag && !mirror.knowsTags) continue;
      try {
        return await send(mirror);
      } catch (err) {
        if (!(err instanceof UpstreamError) || scope.signal.aborted) throw err;
      }
    }
    return send(this.#options.remote);
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
