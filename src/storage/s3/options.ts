const MIB = 1024 * 1024;

/** How objects are copied within the bucket. */
export interface S3CopyLimits {
  /** Size of a part of a copy. Bytes, at least 5 MiB. */
  readonly chunkBytes: number;
  /** Parts copied at the same time. */
  readonly maxConcurrent: number;
  /** Larger objects are copied in parts. Bytes. */
  readonly thresholdBytes: number;
  /** The store requires that all parts of an upload but the last have one size. @default false */
  readonly uniformParts?: boolean;
}

/** A bucket, and how to access it. */
export interface S3Options {
  readonly bucket: string;
  /** Absent: from the sources of the SDK, such as `AWS_REGION`; with an {@link endpoint}, `us-east-1`. */
  readonly region?: string | undefined;
  /** URL of the store. Absent: Amazon's. */
  readonly endpoint?: string | undefined;
  /** URL of the store in redirects, for clients that cannot reach {@link endpoint}. Absent: the same. */
  readonly redirectEndpoint?: string | undefined;
  /** Whether the bucket is in the path of URLs instead of in the host name. @default false */
  readonly forcePathStyle?: boolean;
  /** Absent: the SDK's default chain (environment, profiles, web identity, container and instance roles). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Server-side encryption; by KMS when there is a `keyId`. Absent: the header is not sent. */
  readonly encryption?: { readonly keyId: string | undefined } | undefined;
  readonly tls?: {
    /** Skips certificate verification. */
    readonly insecure: boolean;
    /** PEM file of CAs that are trusted in addition to the public ones. */
    readonly caFile: string | undefined;
  };
  /** Prefix of every key. @default '' */
  readonly rootDirectory?: string;
  /** Size of a part of an upload. Bytes, at least 5 MiB. @default 10 MiB */
  readonly chunkBytes?: number;
  /** @default parts of 32 MiB for objects above 32 MiB, 100 at a time */
  readonly copy?: S3CopyLimits;
  /** Absent: the header is not sent. */
  readonly storageClass?: string | undefined;
  /** Added to the SDK's user agent. */
  readonly userAgent?: string | undefined;
  readonly dualStack?: boolean;
  /** Transfer acceleration. */
  readonly accelerate?: boolean;
  readonly fips?: boolean;
  /** A canned ACL. Absent: the header is not sent, and objects are private. */
  readonly acl?: string | undefined;
  /** `when_required` sends no checksums, which stores from before 2025 do not know. @default 'when_supported' */
  readonly checksums?: 'when_required' | 'when_supported';
  /** Multipart uploads that started longer ago than this are removed. Milliseconds. @default 24 h */
  readonly abandonedAfterMs?: number;
}

const DEFAULTS = {
  rootDirectory: '',
  chunkBytes: 10 * MIB,
  copy: { chunkBytes: 32 * MIB, maxConcurrent: 100, thresholdBytes: 32 * MIB },
  abandonedAfterMs: 86_400_000,
} satisfies Partial<S3Options>;

/** The options, with a value for each that has a default. */
export type S3Settings = S3Options & Required<Pick<S3Options, keyof typeof DEFAULTS>>;

export function withDefaults(options: S3Options): S3Settings {
  return { ...DEFAULTS, ...options };
}
