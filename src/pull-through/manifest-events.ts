import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export interface StaleServed {
  readonly upstream: string;
  /** Name at the upstream. */
  readonly repository: string;
  /** Stored name. */
  readonly stored: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly reason: string;
  /** Time since the upstream last confirmed the tag. */
  readonly ageMs: number;
}

export interface ManifestEvents {
  staleServed(event: StaleServed): void;
  manifestStored(event: { upstream: string; stored: string } & Descriptor): void;
  /** The manifest is served without being stored. */
  manifestNotStored(event: { upstream: string; repository: string; digest: string; cause: unknown }): void;
}
