import { StorageFullError, StorageReadOnlyError, StorageUnavailableError } from '../driver.ts';

export interface StoreErrorFields {
  /** HTTP status. Absent when there was no response. */
  readonly status: number | undefined;
  /** The store's code. */
  readonly code: string;
  /** The request may be repeated later, whatever the status. */
  readonly isThrottled?: boolean;
  /** The store rejects the credentials. */
  readonly isOfCredentials?: boolean;
  /** From `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
}

/** A request that an object store rejected. The message contains no secrets. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly status: number | undefined;
  readonly code: string;
  readonly isThrottled: boolean;
  readonly isOfCredentials: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, fields: StoreErrorFields) {
    super(message);
    this.status = fields.status;
    this.code = fields.code;
    this.isThrottled = fields.isThrottled ?? false;
    this.isOfCredentials = fields.isOfCredentials ?? false;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** Errors of reading the local file that is sent. */
const LOCAL: ReadonlySet<unknown> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'EISDIR', 'ENOTDIR']);
/** Operations that only read. All others fail with 403 for credentials that may only read. */
const READS = /^(?:reading|checking|listing|signing) /;
const TRANSIENT: ReadonlySet<number | undefined> = new Set([408, 429, 500, 502, 503, 504]);

export function statusOf(err: unknown): number | undefined {
  return err instanceof StoreError ? err.status : undefined;
}

/** Whether the request may succeed when it is repeated later: the store is busy, or the connection failed. */
export function isTransient(err: unknown): boolean {
  if (err instanceof StoreError) return err.isThrottled || TRANSIENT.has(err.status);
  if (!(err instanceof Error) || err.name === 'AbortError') return false;
  const code = codeOf(err);
  return err.name === 'TimeoutError' || (code !== undefined && !LOCAL.has(code));
}

/** @returns a function that translates errors of a store's requests. @param driver name of the driver */
export function storageErrors(driver: string) {
  return (err: unknown, operation: string): Error => {
    if (!(err instanceof Error)) return new Error(String(err));
    const code = codeOf(err);
    if (err.name === 'AbortError' || LOCAL.has(code) || !isOfRequest(err)) return err;
    const message = `${driver}: ${operation}: ${describe(err, code)}`;
    const status = statusOf(err);
    if (status === 507) return new StorageFullError(message);
    const isRejected = err instanceof StoreError && err.isOfCredentials;
    if (isRejected || isTransient(err)) return new StorageUnavailableError(message, code === undefined ? {} : { code });
    if (status === 403 && !READS.test(operation)) return new StorageReadOnlyError(message);
    return Object.assign(new Error(message), { code, status });
  };
}

/** Errors of the driver interface pass as they are. */
function isOfRequest(err: Error): boolean {
  return err instanceof StoreError || !/^(?:Path|Invalid|FileTooLarge|Storage|Staged|VersionGone)/.test(err.name);
}

/** The store's code, or the system's for a connection that failed. */
function codeOf(err: Error): string | undefined {
  const { code } = err as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

function describe(err: Error, code: string | undefined): string {
  const status = statusOf(err);
  const prefix = [code, status === undefined ? undefined : `(${status})`].filter((part) => part !== undefined);
  const hint = err instanceof StoreError && err.isOfCredentials ? ' (the credentials are invalid or have expired)' : '';
  return `${prefix.length === 0 ? '' : `${prefix.join(' ')}: `}${err.message}${hint}`;
}
