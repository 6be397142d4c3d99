import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { DigestMismatchError } from '../stream/verify-digest.ts';
import { UpstreamError, type UpstreamErrorKind } from '../upstream/upstream.ts';

interface ClientError {
  /** `unknown`: the code for missing content of the requested kind. */
  readonly code: RegistryErrorCode | 'unknown';
  readonly status?: number;
}

/**
 * The error for a client that cannot be served from the cache. An upstream's 401 becomes a 403: clients cannot respond to a 401 without a
 * challenge of this registry.
 */
const CLIENT_ERRORS: Readonly<Record<UpstreamErrorKind, ClientError>> = {
  'not-found': { code: 'unknown' },
  unauthorized: { code: 'DENIED' },
  denied: { code: 'DENIED' },
  throttled: { code: 'TOOMANYREQUESTS' },
  server: { code: 'UNAVAILABLE', status: 502 },
  network: { code: 'UNAVAILABLE', status: 502 },
  protocol: { code: 'UNAVAILABLE', status: 502 },
  timeout: { code: 'UNAVAILABLE', status: 504 },
  unavailable: { code: 'UNAVAILABLE', status: 503 },
};

/** `502` blames the upstream; the `503` of an upstream that is only overloaded is passed on. */
function statusOf({ kind, options }: UpstreamError): number | undefined {
  return kind === 'server' && options.status === 503 ? 503 : CLIENT_ERRORS[kind].status;
}

/** @param unknown the code for content that the upstream does not have */
export function toClientError(err: UpstreamError, unknown: RegistryErrorCode): RegistryError {
  if (err.options.budget) return toBudgetError(err, err.options.budget, unknown);
  const { code } = CLIENT_ERRORS[err.kind];
  const status = statusOf(err);
  const { upstream, retryAfterMs } = err.options;
  return new RegistryError(code === 'unknown' ? unknown : code, err.message, {
    cause: err,
    detail: { upstream, reason: err.kind, ...(err.options.status !== undefined && { status: err.options.status }) },
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** No pull is left: 429 until there is one, or a 404 after which clients try the upstream themselves. */
function toBudgetError(
  { message, options }: UpstreamError,
  { retryAt, fallback }: NonNullable<UpstreamError['options']['budget']>,
  unknown: RegistryErrorCode,
): RegistryError {
  const { upstream, retryAfterMs } = options;
  const detail = { upstream, reason: 'budget', retryAt: new Date(retryAt).toISOString() };
  if (fallback) return new RegistryError(unknown, message, { detail });
  return new RegistryError('TOOMANYREQUESTS', message, { detail, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/**
 * The client's error for an upstream's failure, wrong bytes included. Returns any other error unchanged.
 *
 * @param upstream its name
 * @param unknown the code for content that the upstream does not have
 */
export function clientErrorOf(err: unknown, upstream: string, unknown: RegistryErrorCode): unknown {
  if (err instanceof UpstreamError) return toClientError(err, unknown);
  if (!(err instanceof DigestMismatchError)) return err;
  return toClientError(new UpstreamError('protocol', `${upstream}: ${err.message}`, { upstream, cause: err }), unknown);
}
