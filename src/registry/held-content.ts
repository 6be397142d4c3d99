import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import type { Manifest } from './registry.ts';

/**
 * Stored content of a registry that another process of this service may serve without a query, until it is removed from its
 * {@link ContentCopies}. Looking it up does no I/O.
 */
export interface HeldContent {
  /** Absent when it has to be looked up, or revalidated. */
  manifest(repository: string, reference: Reference): HeldManifest | undefined;
  /** Absent when it has to be looked up. */
  blob(repository: string, digest: Digest): HeldBlob | undefined;
}

interface Held {
  /** How long it may be served. Milliseconds. Absent: until it is removed. */
  readonly forMs?: number | undefined;
}

export interface HeldManifest extends Manifest, Held {}

export interface HeldBlob extends Descriptor, Held {
  /** Where the bytes are: in memory, or in a local file. */
  readonly source: { readonly bytes: Uint8Array } | { readonly file: string };
  /** A `HEAD` request has effects, and is not served without a query. @default false */
  readonly isGetOnly?: boolean;
}

/** Copies of held content in other processes. Names are those of the storage. Each call resolves when the copies are gone. */
export interface ContentCopies {
  forget(repository: string, digest: Digest): Promise<void>;
  /** What the tag refers to. */
  forgetTag(repository: string, tag: string): Promise<void>;
  forgetAll(): Promise<void>;
}
