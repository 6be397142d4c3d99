interface ErrorCode {
  /** HTTP status. */
  readonly status: number;
  /** For the API reference. */
  readonly description: string;
}

/**
 * Every error code that a response can have, with its HTTP status.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export const ERROR_CODES = {
  // OCI distribution spec v1.1, "Error Codes"
  BLOB_UNKNOWN: { status: 404, description: 'The repository has no such blob.' },
  BLOB_UPLOAD_INVALID: { status: 400, description: 'The upload cannot continue with this request.' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, description: 'There is no such upload, or it has ended.' },
  DIGEST_INVALID: { status: 400, description: 'Not a digest, or not the digest of the bytes that were sent.' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    description: 'The manifest refers to content that the repository does not have.',
  },
  MANIFEST_INVALID: { status: 400, description: 'Not a manifest, too large, or of a kind that is not accepted.' },
  MANIFEST_UNKNOWN: { status: 404, description: 'The repository has no manifest with that tag or digest.' },
  NAME_INVALID: { status: 400, description: 'Not a valid repository name.' },
  NAME_UNKNOWN: { status: 404, description: 'There is no such repository, or no upstream for this name.' },
  SIZE_INVALID: { status: 400, description: 'The body does not have the stated length, or exceeds the limit.' },
  UNAUTHORIZED: { status: 401, description: 'Credentials are required; `WWW-Authenticate` states which.' },
  DENIED: { status: 403, description: 'The client may not do this.' },
  UNSUPPORTED: {
    status: 405,
    description: 'Not supported here; `Allow` lists the supported methods. 404 for an unknown path.',
  },
  TOOMANYREQUESTS: { status: 429, description: 'Too many requests; retry after `Retry-After`.' },
  // Not in the spec; Docker's registry sends these and clients know them.
  TAG_INVALID: { status: 400, description: 'Not a valid tag.' },
  PAGINATION_NUMBER_INVALID: { status: 400, description: '`n` is not a whole number, or exceeds the limit.' },
  RANGE_INVALID: { status: 416, description: 'The content has no such range, or the chunk does not come next.' },
  UNAVAILABLE: {
    status: 503,
    description: 'The storage or the upstream is unavailable. 502 for an invalid upstream response, 504 for a timeout.',
  },
  UNKNOWN: { status: 500, description: 'Internal error; the registry has logged it.' },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A key of {@link ERROR_CODES}. */
export type RegistryErrorCode = keyof typeof ERROR_CODES;

/** What a {@link RegistryError} has in addition to code and message. All of it is optional. */
export interface RegistryErrorOptions {
  /** Sent to the client. */
  readonly detail?: unknown;
  /** Only logged. */
  readonly cause?: unknown;
  /** HTTP status that replaces the code's, such as 502 or 504 for `UNAVAILABLE`. */
  readonly status?: number;
  /** Sent as `Retry-After`. Milliseconds. */
  readonly retryAfterMs?: number;
  /** Further response headers, such as `Allow` or `Content-Range`; a list becomes one header for each entry. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** The response has no `X-Cache`: it must not show whether content is cached. @default false */
  readonly omitsOutcome?: boolean;
  /** Further errors of the same request, listed after this one in the response. */
  readonly others?: readonly RegistryError[];
}

/**
 * A failure that a registry client can act on. The code determines the HTTP status. Every other error that is thrown is a
 * bug, and is sent as `UNKNOWN`.
 */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;
  readonly options: RegistryErrorOptions;

  constructor(code: RegistryErrorCode, message: string, options: RegistryErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.options = options;
  }

  /** HTTP status. */
  get status(): number {
    return this.options.status ?? ERROR_CODES[this.code].status;
  }

  /**
   * The response body.
   *
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
   */
  toJSON() {
    return { errors: [this, ...(this.options.others ?? [])].map((error) => error.#entry()) };
  }

  #entry() {
    const { code, message, options } = this;
    return { code, message, ...(options.detail !== undefined && { detail: options.detail }) };
  }
}

/** Content that is not cached, and that no upstream is called for. */
export class OfflineError extends RegistryError {
  constructor(name: string) {
    super('MANIFEST_UNKNOWN', `${name} is not cached, and this registry is offline`);
  }
}

/**
 * The error to send for something that was thrown. An unexpected error becomes `UNKNOWN`, which does not reveal its message;
 * the original is the `cause`, for the log.
 */
export function toRegistryError(err: unknown): RegistryError {
  if (err instanceof RegistryError) return err;
  return new RegistryError('UNKNOWN', 'internal error', { cause: err });
}
