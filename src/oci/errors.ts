/** HTTP status of every error code a client may see. The code travels; the status follows from it. */
const STATUS_BY_CODE = {
  // OCI distribution spec v1.1, "Error Codes"
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  // Not in the spec; Docker's registry sends these and clients know them.
  TAG_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const;

export type RegistryErrorCode = keyof typeof STATUS_BY_CODE;

export interface RegistryErrorOptions {
  /** Sent to the client. */
  readonly detail?: unknown;
  /** Only logged. */
  readonly cause?: unknown;
  /** A truer status than the code's own, for `UNAVAILABLE`: 502 for a broken upstream, 504 for a silent one. */
  readonly status?: number;
  /** Becomes `Retry-After`. Milliseconds. */
  readonly retryAfterMs?: number;
  /** Further response headers, such as `Allow` or `Content-Range`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A failure a registry client can act on. Anything else that is thrown is a bug and becomes `UNKNOWN`. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  readonly options: RegistryErrorOptions;

  constructor(code: RegistryErrorCode, message: string, options: RegistryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.options = options;
  }

  get status(): number {
    return this.options.status ?? STATUS_BY_CODE[this.code];
  }

  /** The response body the spec asks for. */
  toJSON() {
    const { code, message, options } = this;
    return { errors: [{ code, message, ...(options.detail !== undefined && { detail: options.detail }) }] };
  }
}

/** Never leaks an internal message: an unexpected error answers `UNKNOWN` and keeps its cause for the log. */
export function toRegistryError(err: unknown): RegistryError {
  if (err instanceof RegistryError) return err;
  return new RegistryError('UNKNOWN', 'internal error', { cause: err });
}
