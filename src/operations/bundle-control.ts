/** Operations on bundles for operators: the same interface in the process and over the admin API. */
export interface BundleControl {
  /** One import runs at a time; the same request again returns its status. */
  startImport(request: ImportRequest): Promise<ImportStatus>;
  importStatus(): Promise<ImportStatus>;
  /** Stored content stays, so that a repeated import continues. */
  stopImport(): Promise<ImportStatus>;
  /** The bundles whose content is pinned. */
  bundles(): Promise<readonly BundleView[]>;
  /** Removes the pins of a bundle. @returns their number */
  forgetBundle(id: string): Promise<ForgottenBundle>;
}

export interface ImportRequest {
  /** A directory, tar files, or volumes, on the machine of the cache. Absolute. */
  readonly paths: readonly string[];
  readonly pin: boolean;
  /** Stores nothing. */
  readonly dryRun: boolean;
  /** Public key in PEM that must have signed the bundle. Absent: signatures are not verified. */
  readonly key?: string | undefined;
}

/** Sizes in bytes. */
export interface ImportStatus {
  readonly running: boolean;
  readonly progress?: ImportProgress | undefined;
  /** Absent while it is running, and when it failed as a whole. */
  readonly result?: ImportResult | undefined;
  readonly error?: string | undefined;
}

/** Of the image that is being imported. */
export interface ImportProgress {
  readonly image: string;
  readonly bytes: number;
  readonly size: number;
}

export interface ImportResult {
  /** Id of the bundle. */
  readonly id: string;
  readonly images: number;
  /** Names of the images that are complete in the cache. */
  readonly imported: readonly string[];
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
  /** Digests that are neither in the cache nor, undamaged, in the bundle. */
  readonly missing: readonly string[];
  /** Volumes that the import still needs, by name. */
  readonly missingVolumes: readonly string[];
  /** Volumes that could not be read. */
  readonly problems: readonly string[];
  /** Written, or with a dry run to be written. */
  readonly bytes: number;
}

export interface BundleView {
  readonly id: string;
  readonly pins: number;
  /** Unix milliseconds. */
  readonly importedAt: number;
}

export interface ForgottenBundle {
  readonly pins: number;
}
