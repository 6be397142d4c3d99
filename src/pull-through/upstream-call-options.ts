import type { CallOptions, UpstreamLogin } from '../registry/registry.ts';
import type { Upstream, UpstreamCallOptions } from '../upstream/upstream.ts';

type BlobUpstream = Pick<Upstream, 'name' | 'openBlob' | 'resolveBlob'>;

/** For a call to the upstream that is made for one client alone. */
export function upstreamCallOptions({ signal, login }: CallOptions = {}): UpstreamCallOptions {
  return { ...(signal && { signal }), ...(login && { login }) };
}

/** Part of the keys of shared work: a client joins only that of the same login. Empty without one. */
export function loginKey(login: UpstreamLogin | undefined): string {
  return login === undefined ? '' : `${JSON.stringify(login)} `;
}

/** The upstream with another default for the login of calls. */
export function withLogin(upstream: Upstream, login: UpstreamLogin | undefined): BlobUpstream {
  if (login === undefined) return upstream;
  return {
    name: upstream.name,
    openBlob: (repository, digest, options) => upstream.openBlob(repository, digest, { ...options, login }),
    resolveBlob: (repository, digest, options) => upstream.resolveBlob(repository, digest, { ...options, login }),
  };
}
