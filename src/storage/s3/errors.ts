import { StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../driver.ts';

/** The parts of an SDK error that say what happened. */
interface SdkError {
  readonly name: string;
  readonly code?: unknown;
  readonly message: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** An answer without a body has no code. */
const WITHOUT_CODE: ReadonlySet<string> = new Set(['Unknown', 'UnknownError', 'Error']);

/** Keys of S3 have at most 1024 bytes; stores on file systems refuse long names sooner. What cannot exist does not. */
const NOT_FOUND: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound', 'KeyTooLongError', 'KeyTooLong']);

const REFUSED_CREDENTIALS: ReadonlySet<string> = new Set([
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

/** All else changes the bucket, and is refused to credentials that may only read. */
const READS = /^(?:reading|looking at|looking for|listing) /;

/** A request that S3 refused, in words that hold no secret. */
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

/** Of reading the local file that is sent. */
const LOCAL: ReadonlySet<unknown> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'EISDIR', 'ENOTDIR']);

export function statusOf(err: unknown): number | undefined {
  return (err as SdkError).$metadata?.httpStatusCode;
}

export function isNotFound(err: unknown): boolean {
  const { name } = err as SdkError;
  return NOT_FOUND.has(name) || (statusOf(err) === 404 && WITHOUT_CODE.has(name));
}

/** The object is another than the one asked for with `If-Match`. */
export function isChanged(err: unknown): boolean {
  return statusOf(err) === 412;
}

export function areCredentialsRefused(err: unknown): boolean {
  return REFUSED_CREDENTIALS.has((err as SdkError).name);
}

/**
 * What is told of a failed request. The original is left behind: its fields may hold what was signed.
 *
 * @param what was being done, such as `reading /docker/registry/…`
 */
export function toStorageError(err: unknown, what: string): Error {
  if (!(err instanceof Error)) return new Error(String(err));
  if (err.name === 'AbortError' || LOCAL.has((err as NodeJS.ErrnoException).code)) return err;
  const status = statusOf(err);
  const code = codeOf(err);
  const message = `s3: ${what}: ${describe(err, code, status)}`;
  if (FULL.has(code) || status === 507) return new StorageFullError(message);
  if (areCredentialsRefused(err) || status === undefined || status === 429 || status >= 500) {
    return new StorageUnavailableError(message);
  }
  if (status === 403 && !READS.test(what)) return new StorageReadOnlyError(message);
  return new S3RequestError(message, { code, status });
}

/** A HEAD has no body, and then the SDK knows no better name than its own. */
function codeOf(err: Error): string {
  const { code } = err as SdkError;
  return err.name === 'Error' && typeof code === 'string' ? code : err.name;
}

function describe(err: Error, code: string, status: number | undefined): string {
  const statusText = status === undefined ? '' : ` (${status})`;
  const hint = areCredentialsRefused(err) ? '; the credentials are refused or have expired' : '';
  return `${code}${statusText}: ${err.message}${hint}`;
}
