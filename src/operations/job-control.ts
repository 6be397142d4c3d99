/** Long work on images: the same interface in the process and over the admin API. */
export interface JobControl {
  jobs(): Promise<readonly JobStatus[]>;
  /** @throws {ControlError} `not-found` */
  job(name: string): Promise<JobStatus>;
  /** The images that are done, in that order. @param after how many of them to skip */
  jobImages(name: string, after: number): Promise<readonly JobImage[]>;
  /** Starts to fetch images. */
  warm(request: WarmRequest): Promise<JobStatus>;
  /**
   * What a run of a rule of `proxy.sync` would do, as if it had been done. Nothing is fetched.
   *
   * @throws {ControlError} `not-found`
   */
  previewSync(rule: string): Promise<readonly JobImage[]>;
  /** Starts a configured job now. @throws {ControlError} `held` when it is running */
  runJob(name: string): Promise<JobStatus>;
  /** Ends the current run; what it has stored stays. */
  stopJob(name: string): Promise<JobStatus>;
}

/**
 * - `present`: stored already, and current
 * - `fetched`: parts of it were fetched
 * - `moved`: the tag had another digest before
 * - `gone`: the upstream does not have it
 * - `held`: not fetched now, because of a limit
 * - `failed`: for another reason
 */
export const IMAGE_OUTCOMES = ['present', 'fetched', 'moved', 'gone', 'held', 'failed'] as const;
export type ImageOutcome = (typeof IMAGE_OUTCOMES)[number];

/** What became of an image: one line of JSON. */
export interface JobImage {
  /** With host, repository and tag, or digest. */
  readonly name: string;
  /** Absent when the name could not be resolved. */
  readonly digest?: string;
  /** What the tag pointed to before. Absent when it was not cached, or still points to it. */
  readonly was?: string;
  /** Of fetched blobs. */
  readonly bytes: number;
  /** Manifests requested from the upstream, which registries count as pulls. */
  readonly spent: number;
  readonly outcome: ImageOutcome;
  /** Why it is not complete. Absent when it is. */
  readonly reason?: string;
}

export interface ImageProgress {
  readonly name: string;
  /** Of blobs, fetched or present. */
  readonly bytes: number;
  /** Absent until the manifests are known. */
  readonly total?: number;
}

export const JOB_KINDS = ['warm', 'sync'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** The current or last run of a job. Times in Unix milliseconds. */
export interface JobStatus {
  readonly name: string;
  readonly kind: JobKind;
  readonly running: boolean;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  /** When it runs next. Absent when it is not scheduled in this process. */
  readonly nextAt?: number | undefined;
  /** End of the last run without an image that is not complete. */
  readonly succeededAt?: number | undefined;
  /** Images of the run. */
  readonly total: number;
  readonly done: number;
  readonly outcomes: Readonly<Record<ImageOutcome, number>>;
  readonly bytes: number;
  readonly spent: number;
  readonly active: readonly ImageProgress[];
  /** Why the run ended early. */
  readonly error?: string | undefined;
}

export interface WarmRequest {
  readonly images: readonly string[];
  /** Such as `linux/arm64`. Empty: all. */
  readonly platforms: readonly string[];
  /** Signatures, SBOMs and other attachments too. */
  readonly referrers: boolean;
  /** Pins each image that is complete. */
  readonly pin: boolean;
  /** Only images that are not stored; tags are not revalidated. @default false */
  readonly missingOnly?: boolean;
}

/** Whether clients can pull the image now. */
export function isComplete({ outcome }: Pick<JobImage, 'outcome'>): boolean {
  return outcome === 'present' || outcome === 'fetched' || outcome === 'moved';
}

/** Whether the run did what it should: for a rule of `proxy.sync`, a tag that the upstream removed is not a failure. */
export function isAsWanted(image: Pick<JobImage, 'outcome'>, kind: JobKind): boolean {
  return isComplete(image) || (kind === 'sync' && image.outcome === 'gone');
}
