interface ErrorCode {
  readonly status: number;
  /** For the reference of the API. */
  readonly description: string;
}

/** Every error code that a client may see. The code travels; the status follows from it. */
export const ERROR_CODES = {
  // OCI distribution spec v1.1, "Error Codes"
  BLOB_UNKNOWN: { status: 404, description: 'The repository has no such blob.' },
  BLOB_UPLOAD_INVALID: { status: 400, description: 'The upload cannot go on as it was asked to.' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, description: 'There is no such upload, or it has ended.' },
  DIGEST_INVALID: { status: 400, description: 'Not a digest, or not that of the bytes that were sent.' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, description: 'The manifest names content that the repository does not have.' },
  MANIFEST_INVALID: { status: 400, description: 'Not a manifest, too large, or not one that is accepted here.' },
  MANIFEST_UNKNOWN: { status: 404, description: 'The repository has no manifest with that tag or digest.' },
  NAME_INVALID: { status: 400, description: 'Not a name of a repository.' },
  NAME_UNKNOWN: { status: 404, description: 'There is no such repository, or nobody who could have it.' },
  SIZE_INVALID: { status: 400, description: 'The body is not as long as was said, or longer than is accepted.' },
  UNAUTHORIZED: { status: 401, description: 'Credentials are needed; `WWW-Authenticate` says which.' },
  DENIED: { status: 403, description: 'Known, but not allowed to do this.' },
  UNSUPPORTED: {
    status: 405,
    description: 'This cannot be done here; `Allow` says what can. 404 for a path that is no endpoint.',
  },
  TOOMANYREQUESTS: { status: 429, description: 'Later: `Retry-After` says when.' },
  // Not in the spec; Docker's registry sends these and clients know them.
  TAG_INVALID: { status: 400, description: 'Not a tag that could be pushed.' },
  PAGINATION_NUMBER_INVALID: { status: 400, description: '`n` is no whole number, or larger than is served at once.' },
  RANGE_INVALID: { status: 416, description: 'The content has no such range, or the chunk does not come next.' },
  UNAVAILABLE: {
    status: 503,
    description: 'The storage or the upstream cannot be asked. 502 for a broken upstream, 504 for a silent one.',
  },
  UNKNOWN: { status: 500, description: 'A fault of the registry, which has logged it.' },
} as const satisfies Readonly<Record<string, ErrorCode>>;

export type RegistryErrorCode = keyof typeof ERROR_CODES;

export interface RegistryErrorOptions {
  /** Sent to the client. */
  readonly detail?: unknown;
  /** Only logged. */
  readonly cause?: unknown;
  /** A truer status than the code's own, for `UNAVAILABLE`: 502 for a broken upstream, 504 for a silent one. */
  readonly status?: number;
  /** Becomes `Retry-After`. Milliseconds. */
  readonly retryAfterMs?: number;
  /** Further response headers, such as `Allow` or `Content-Range`; a list is sent as one header for each. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** What else is wrong, told to the client behind this one. */
  readonly others?: readonly RegistryError[];
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
    return this.options.status ?? ERROR_CODES[this.code].status;
  }

  /** The response body the spec asks for. */
  toJSON() {
    return { errors: [this, ...(this.options.others ?? [])].map((error) => error.#entry()) };
  }

  #entry() {
    const { code, message, options } = this;
    return { code, message, ...(options.detail !== undefined && { detail: options.detail }) };
  }
}

/** Never leaks an internal message: an unexpected error answers `UNKNOWN` and keeps its cause for the log. */
export function toRegistryError(err: unknown): RegistryError {
  if (err instanceof RegistryError) return err;
  return new RegistryError('UNKNOWN', 'internal error', { cause: err });
}
