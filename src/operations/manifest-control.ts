import type { Digest } from '../oci/digest.ts';
import type { MayPull } from './repository-control.ts';

/** What stored manifests contain: the same interface in the process and over the admin API. */
export interface ManifestControl {
  /** @throws {ControlError} `not-found` when it is not stored, or the client may not pull from the repository */
  manifest(query: ManifestQuery, mayPull?: MayPull): Promise<ManifestView>;
  /** @throws {ControlError} `not-found` when the client may not pull from the repository */
  referrers(query: ReferrerQuery, mayPull?: MayPull): Promise<ReferrerList>;
}

export interface ManifestQuery {
  /** Stored name of the repository. */
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  /** Fetch the manifest and its config from the upstream when they are not stored. @default false */
  readonly fetch?: boolean | undefined;
}

/** All texts are of the manifest and its config, cut when they are long: not to be trusted. Sizes in bytes. */
export interface ManifestView {
  readonly repository: string;
  readonly digest: Digest;
  /** As requested. Absent for a digest. */
  readonly tag?: string | undefined;
  readonly mediaType: string;
  /** Absent when it has none. */
  readonly artifactType?: string | undefined;
  /** `schema1`: of Docker before 2016. */
  readonly structure: 'image' | 'index' | 'artifact' | 'schema1';
  /** What it is attached to. */
  readonly subject?: Digest | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of an index. 200 at most. */
  readonly platforms: readonly ManifestPlatform[];
  /** Of an image or artifact: its config and layers. 500 at most. */
  readonly parts: readonly ManifestPart[];
  /** Of an image whose config is stored. */
  readonly config?: ImageConfig | undefined;
  /** Of all stored content that it refers to. */
  readonly size: number;
  /** Its bytes as text. Cut at 256 KiB. */
  readonly raw: string;
  readonly rawSize: number;
  /** Lists, texts or {@link raw} are cut. */
  readonly truncated: boolean;
  /** Why it violates the specification. Absent when it does not. */
  readonly flaw?: string | undefined;
}

export interface ManifestPlatform {
  /** Such as `linux/arm64/v8`. */
  readonly platform: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of the manifest. */
  readonly size: number;
  /** Of all stored content that it refers to. */
  readonly storedSize: number;
  readonly cached: boolean;
  /** Digest of the manifest that it attests. Absent unless it is an attestation of BuildKit. */
  readonly attestationOf?: string | undefined;
}

export interface ManifestPart {
  readonly kind: 'config' | 'layer';
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly cached: boolean;
  /** Other repositories that have it, ten at most. */
  readonly sharedWith: readonly string[];
}

/** Absent fields are not in the config. */
export interface ImageConfig {
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  readonly user?: string | undefined;
  readonly workingDir?: string | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string | undefined;
  readonly history: readonly HistoryStep[];
}

/** A step that made the image. */
export interface HistoryStep {
  readonly created?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly comment?: string | undefined;
  /** The layer that it made. Absent for a step without one. */
  readonly layer?: Digest | undefined;
  readonly size?: number | undefined;
}

export interface ReferrerQuery {
  /** Stored name of the repository. */
  readonly repository: string;
  readonly digest: string;
  /** Request the list from the upstream. @default false */
  readonly fetch?: boolean | undefined;
}

export interface ReferrerList {
  /** `cache`: stored referrers alone, so that an empty list does not mean that there are none. */
  readonly source: 'cache' | 'upstream';
  /** 100 at most. */
  readonly referrers: readonly ReferrerView[];
  /** There are more. */
  readonly truncated: boolean;
}

/** - `provenance` and `sbom` also of attestations, by their predicate; `unknown`: another artifact type */
export const REFERRER_KINDS = ['signature', 'sbom', 'provenance', 'attestation', 'unknown'] as const;
export type ReferrerKind = (typeof REFERRER_KINDS)[number];

export interface ReferrerView {
  readonly digest: Digest;
  readonly kind: ReferrerKind;
  readonly artifactType?: string | undefined;
  readonly mediaType: string;
  readonly size: number;
  readonly cached: boolean;
  readonly annotations: Readonly<Record<string, string>>;
}
