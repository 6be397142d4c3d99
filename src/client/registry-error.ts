import { ERROR_CODES, RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { UpstreamError, type UpstreamErrorKind } from '../upstream/upstream.ts';

interface Meaning {
  /** Absent when the caller decides it. */
  readonly code?: RegistryErrorCode;
  readonly status?: number;
}

const MEANINGS: Readonly<Record<UpstreamErrorKind, Meaning>> = {
  'not-found': {},
  unauthorized: { code: 'UNAUTHORIZED' },
  denied: { code: 'DENIED' },
  throttled: { code: 'TOOMANYREQUESTS' },
  server: { code: 'UNAVAILABLE', status: 502 },
  network: { code: 'UNAVAILABLE', status: 502 },
  protocol: { code: 'UNAVAILABLE', status: 502 },
  timeout: { code: 'UNAVAILABLE', status: 504 },
  unavailable: { code: 'UNAVAILABLE', status: 503 },
};

/** Codes of a remote registry that are passed on; for others only the status counts. */
const REFUSALS: ReadonlySet<string> = new Set<RegistryErrorCode>([
  'BLOB_UPLOAD_INVALID',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'NAME_INVALID',
  'PAGINATION_NUMBER_INVALID',
  'SIZE_INVALID',
  'TAG_INVALID',
  'UNSUPPORTED',
]);
const CODE_BY_STATUS: Readonly<Record<number, RegistryErrorCode>> = { 405: 'UNSUPPORTED', 416: 'RANGE_INVALID' };

/**
 * A failure of a remote registry as the error of a {@link Registry}: with the code that it sent where the specification has it,
 * else with the one for its status. The message names the registry; `cause` is the {@link UpstreamError}.
 *
 * @param missing the code for a 404 without one of these codes
 */
export function toRemoteError(err: UpstreamError, missing: RegistryErrorCode): RegistryError {
  const { code, status } = meaningOf(err, missing);
  const { retryAfterMs } = err.options;
  return new RegistryError(code, err.message, {
    cause: err,
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Fails as {@link toRemoteError}; errors other than an {@link UpstreamError} pass unchanged. */
export async function withRemoteErrors<T>(missing: RegistryErrorCode, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (err) {
    throw err instanceof UpstreamError ? toRemoteError(err, missing) : err;
  }
}

function meaningOf({ kind, options }: UpstreamError, missing: RegistryErrorCode) {
  const { code: sent = '', status = 0 } = options;
  if (kind === 'not-found') return { code: isUnknown(sent) ? sent : missing };
  if (kind === 'protocol' && status >= 400) {
    if (isRefusal(sent)) return { code: sent };
    const code = CODE_BY_STATUS[status];
    if (code) return { code };
  }
  return { code: missing, ...MEANINGS[kind] };
}

function isUnknown(code: string): code is RegistryErrorCode {
  return code.endsWith('_UNKNOWN') && Object.hasOwn(ERROR_CODES, code);
}

function isRefusal(code: string): code is RegistryErrorCode {
  return REFUSALS.has(code);
}
