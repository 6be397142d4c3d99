import { StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../driver.ts';

/** An error of the SDK. It has no class for most errors: `name` is the code that the store sent. */
interface SdkError {
  readonly name: string;
  readonly code?: unknown;
  readonly message: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Names of errors whose response had no body, and so no code. */
const WITHOUT_CODE: ReadonlySet<string> = new Set(['Unknown', 'UnknownError', 'Error']);

/** An object whose name is too long cannot exist: S3's limit is 1024 bytes, stores on file systems have lower ones. */
const NOT_FOUND: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound', 'KeyTooLongError', 'KeyTooLong']);

const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'InvalidAccessKeyId',
  'XAdminUserNotFound', // versitygw
  'InvalidToken',
  'TokenRefreshRequired',
  'SignatureDoesNotMatch',
  'CredentialsProviderError',
]);

const FULL: ReadonlySet<string> = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage', 'NoSpaceLeft']);

/** Operations that only read. All others fail with 403 for credentials that may only read. */
const READS = /^(?:reading|checking|listing) /;

/** A request that S3 rejected. The message contains no secrets. */
class S3RequestError extends Error {
  override readonly name = 'S3RequestError';
  readonly code: string;
  readonly status: number | undefined;

  constructor(message: string, { code, status }: { code: string; status: number | undefined }) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Errors of reading the local file that is sent. */
const LOCAL: ReadonlySet<unknown> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'EISDIR', 'ENOTDIR']);

/** HTTP status of the response. Absent when there was none. */
export function statusOf(err: unknown): number | undefined {
  return (err as SdkError).$metadata?.httpStatusCode;
}

/** Whether the store sent this error code. */
export function hasCode(err: unknown, code: string): boolean {
  return (err as SdkError).name === code;
}

export function isNotFound(err: unknown): boolean {
  const { name } = err as SdkError;
  return NOT_FOUND.has(name) || (statusOf(err) === 404 && WITHOUT_CODE.has(name));
}

/** Of a part of a key, in stores on file systems. Bytes. */
const MAX_SEGMENT_BYTES = 255;

/**
 * For `catch`: such a store responds 400, without a code to HEAD, when a part of the key is longer than a file name can be. Clients choose names,
 * so that is an object that does not exist.
 */
export function rejectLongName(key: string): (err: unknown) => never {
  return (err) => {
    const isLong = key.split('/').some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES);
    if (!isLong || statusOf(err) !== 400) throw err;
    const { $metadata } = err as SdkError;
    throw Object.assign(new Error('a part of the key is too long'), { name: 'KeyTooLong', $metadata });
  };
}

/** Whether the object no longer matches the `If-Match` of the request. */
export function isChanged(err: unknown): boolean {
  return statusOf(err) === 412;
}

export function areCredentialsRejected(err: unknown): boolean {
  return CREDENTIAL_ERRORS.has((err as SdkError).name);
}

/**
 * Translates an error of the SDK. The result has no `cause`, because fields of the original may contain signed headers.
 *
 * @param operation the failed operation, such as `reading /docker/registry/…`
 */
export function toStorageError(err: unknown, operation: string): Error {
  if (!(err instanceof Error)) return new Error(String(err));
  if (hasCode(err, 'AbortError') || LOCAL.has((err as NodeJS.ErrnoException).code)) return err;
  const status = statusOf(err);
  const code = codeOf(err);
  const message = `s3: ${operation}: ${describe(err, code, status)}`;
  if (FULL.has(code) || status === 507) return new StorageFullError(message);
  if (areCredentialsRejected(err) || status === undefined || status === 429 || status >= 500) {
    return new StorageUnavailableError(message, { code });
  }
  if (status === 403 && !READS.test(operation)) return new StorageReadOnlyError(message);
  return new S3RequestError(message, { code, status });
}

/** The store's code, or the system's for a connection that failed. */
function codeOf(err: Error): string {
  const { name, code } = err as SdkError;
  return hasCode(err, 'Error') && typeof code === 'string' ? code : name;
}

function describe(err: Error, code: string, status: number | undefined): string {
  const statusText = status === undefined ? '' : ` (${status})`;
  const hint = areCredentialsRejected(err) ? ' (the credentials are invalid or have expired)' : '';
  return `${code}${statusText}: ${err.message}${hint}`;
}
