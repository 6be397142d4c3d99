import type { Pattern } from '../matching/pattern.ts';
/** What clients may do to hosted content. */
export interface PushConfig {
  /** `storage.delete.enabled` */
  readonly deletes: boolean;
  /** Undefined: a manifest may name what is not here. */
  readonly validation: ManifestValidation | undefined;
  /** `policy.repository.classes`: what image manifests may be; empty: anything. */
  readonly classes: readonly string[];
}

/** What a pushed manifest has to satisfy beyond the specification. */
export interface ManifestValidation {
  /** URLs of layers; empty: any. */
  readonly allow: readonly Pattern[];
  readonly deny: readonly Pattern[];
  /** Entries of an index that have to be in the repository. */
  readonly platforms: 'all' | 'none' | readonly Platform[];
}

export interface Platform {
  readonly os: string | undefined;
  readonly architecture: string | undefined;
}
