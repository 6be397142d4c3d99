const MIB = 1024 * 1024;

/** Where access tokens come from. */
export type GcsCredentialsSource =
  /** JSON of a service account or of a user (`authorized_user`), as Google's tools write it. */
  | { readonly kind: 'file'; readonly path: string }
  /** The fields of such a file. */
  | { readonly kind: 'inline'; readonly fields: Readonly<Record<string, unknown>> }
  /** The metadata server of a virtual machine, of Cloud Run or of GKE. */
  | { readonly kind: 'metadata'; readonly host?: string | undefined }
  /** Requests carry no token: for public buckets and test servers. */
  | { readonly kind: 'anonymous' };

/** A bucket of Google Cloud Storage, and how to access it. */
export interface GcsOptions {
  readonly bucket: string;
  readonly credentials: GcsCredentialsSource;
  /** URL of the service. @default Google's */
  readonly endpoint?: string | undefined;
  /** URL of the service that signs URLs for credentials without a key. @default Google's IAM */
  readonly iamEndpoint?: string | undefined;
  /** Prefix of every name. @default '' */
  readonly rootDirectory?: string;
  /** Size of a chunk of an upload. Bytes, a multiple of 256 KiB. @default 16 MiB */
  readonly chunkBytes?: number;
  /** `User-Agent` of requests. */
  readonly userAgent?: string | undefined;
}

const DEFAULTS = {
  endpoint: 'https://storage.googleapis.com',
  iamEndpoint: 'https://iamcredentials.googleapis.com',
  rootDirectory: '',
  chunkBytes: 16 * MIB,
};

/** The options, with a value for each that has a default. */
export type GcsSettings = GcsOptions & { readonly [Key in keyof typeof DEFAULTS]: (typeof DEFAULTS)[Key] };

export function withDefaults({ endpoint, iamEndpoint, ...options }: GcsOptions): GcsSettings {
  return {
    ...DEFAULTS,
    ...options,
    endpoint: endpoint ?? DEFAULTS.endpoint,
    iamEndpoint: iamEndpoint ?? DEFAULTS.iamEndpoint,
  };
}
