import { RegistryError } from '../oci/errors.ts';
import type { UpstreamError } from '../upstream/upstream.ts';

/** A cache in front must not serve the response to another client. */
const NOT_SHARED = { 'cache-control': 'private, no-store' };

/** The response of a registry without the repository: it does not show whether there is one. */
export function unknownRepository(repository: string): RegistryError {
  return new RegistryError('NAME_UNKNOWN', 'repository name not known to registry', {
    detail: { name: repository },
    headers: NOT_SHARED,
    omitsOutcome: true,
  });
}

/** @param challenge the error with the challenges for the client */
export function identificationRequired(challenge: RegistryError): RegistryError {
  const { options } = challenge;
  const headers = { ...options.headers, ...NOT_SHARED };
  return new RegistryError(challenge.code, challenge.message, { ...options, headers, omitsOutcome: true });
}

/** @param challenge of the upstream, whose token server the client uses */
export function tokenRequired(challenge: string): RegistryError {
  return new RegistryError('UNAUTHORIZED', 'authentication required', {
    headers: { ...NOT_SHARED, 'www-authenticate': challenge },
    omitsOutcome: true,
  });
}

/** The upstream cannot be queried: neither that there is a repository nor that there is none. */
export function notDecided(upstream: string, { options }: UpstreamError): RegistryError {
  const { retryAfterMs } = options;
  return new RegistryError('UNAVAILABLE', `${upstream} cannot be queried who may read the repository`, {
    detail: { upstream, reason: 'access' },
    headers: NOT_SHARED,
    omitsOutcome: true,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
