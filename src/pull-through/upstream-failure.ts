import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError, type UpstreamErrorKind } from '../upstream/upstream.ts';

interface Answer {
  readonly code: RegistryErrorCode | 'what-was-asked-for';
  readonly status?: number;
}

/**
 * How an upstream's failure is told to a client that cannot be served from the cache. An upstream's 401 becomes a 403:
 * without a challenge of ours a 401 leaves clients with nothing to do.
 */
const ANSWERS: Readonly<Record<UpstreamErrorKind, Answer>> = {
  'not-found': { code: 'what-was-asked-for' },
  unauthorized: { code: 'DENIED' },
  denied: { code: 'DENIED' },
  throttled: { code: 'TOOMANYREQUESTS' },
  server: { code: 'UNAVAILABLE', status: 502 },
  network: { code: 'UNAVAILABLE', status: 502 },
  protocol: { code: 'UNAVAILABLE', status: 502 },
  timeout: { code: 'UNAVAILABLE', status: 504 },
  unavailable: { code: 'UNAVAILABLE', status: 503 },
};

/** `502` says that the upstream is at fault; but one that says itself that it is only busy is quoted. */
function statusOf({ kind, options }: UpstreamError): number | undefined {
  return kind === 'server' && options.status === 503 ? 503 : ANSWERS[kind].status;
}

/** @param unknown the code for "the upstream does not have it" */
export function toClientError(err: UpstreamError, unknown: RegistryErrorCode): RegistryError {
  const { code } = ANSWERS[err.kind];
  const status = statusOf(err);
  const { upstream, retryAfterMs } = err.options;
  return new RegistryError(code === 'what-was-asked-for' ? unknown : code, err.message, {
    cause: err,
    detail: { upstream, reason: err.kind, ...(err.options.status !== undefined && { status: err.options.status }) },
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/**
 * What a client is told of an upstream's failure, wrong bytes included; anything else comes back as it is.
 *
 * @param upstream its name
 * @param unknown the code for "the upstream does not have it"
 */
export function clientErrorOf(err: unknown, upstream: string, unknown: RegistryErrorCode): unknown {
  if (err instanceof UpstreamError) return toClientError(err, unknown);
  if (!(err instanceof DigestMismatchError)) return err;
  return toClientError(new UpstreamError('protocol', `${upstream}: ${err.message}`, { upstream, cause: err }), unknown);
}
