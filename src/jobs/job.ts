import {
  IMAGE_OUTCOMES,
  type ImageOutcome,
  type ImageProgress,
  isAsWanted,
  type JobImage,
  type JobKind,
  type JobStatus,
} from '../operations/job-control.ts';

/** What a run reports while it works. */
export interface JobReport {
  /** How many images it is about. */
  planned(images: number): void;
  progress(image: ImageProgress): void;
  done(image: JobImage): void;
}

export interface JobDefinition {
  readonly name: string;
  readonly kind: JobKind;
  /** For metrics. @default the name */
  readonly label?: string;
  /**
   * Works until all images are done. One that fails does not end it.
   *
   * @throws the reason of the signal, or why nothing could be done
   */
  readonly run: (report: JobReport, signal: AbortSignal) => Promise<void>;
}

export interface JobEvents {
  jobStarted(event: { readonly name: string; readonly kind: JobKind }): void;
  imageDone(event: { readonly job: string; readonly label: string; readonly image: JobImage }): void;
  jobFinished(event: { readonly label: string; readonly status: JobStatus }): void;
}

export interface JobOptions {
  readonly now: () => number;
  readonly events: JobEvents;
}

/** Images that are kept for later requests. The counts are complete. */
const MAX_KEPT = 20_000;

/** A job, and its current or last run. */
export class Job implements JobReport {
  readonly definition: JobDefinition;
  readonly #options: JobOptions;
  readonly #active = new Map<string, ImageProgress>();
  #images: JobImage[] = [];
  #status: Omit<JobStatus, 'active'>;
  #stopped = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(definition: JobDefinition, options: JobOptions) {
    this.definition = definition;
    this.#options = options;
    this.#status = { ...nothingDone(), name: definition.name, kind: definition.kind, running: false };
  }

  get status(): JobStatus {
    return { ...this.#status, active: [...this.#active.values()] };
  }

  /** In the order in which they were done. */
  get images(): readonly JobImage[] {
    return this.#images;
  }

  /** Resolves when the current run has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Does nothing while a run is in progress. */
  start(): void {
    if (this.#status.running) return;
    this.#stopped = new AbortController();
    this.#images = [];
    const { name, kind, succeededAt } = this.#status;
    this.#status = { ...nothingDone(), name, kind, running: true, startedAt: this.#options.now(), succeededAt };
    this.#options.events.jobStarted(this.definition);
    this.#ended = this.#run();
  }

  stop(reason: string): void {
    this.#stopped.abort(new Error(reason));
  }

  planned(images: number): void {
    this.#status = { ...this.#status, total: images };
  }

  progress(image: ImageProgress): void {
    this.#active.set(image.name, image);
  }

  done(image: JobImage): void {
    this.#active.delete(image.name);
    if (this.#images.length < MAX_KEPT) this.#images.push(image);
    const { outcomes, bytes, spent, done } = this.#status;
    this.#status = {
      ...this.#status,
      done: done + 1,
      outcomes: { ...outcomes, [image.outcome]: outcomes[image.outcome] + 1 },
      bytes: bytes + image.bytes,
      spent: spent + image.spent,
    };
    this.#options.events.imageDone({ job: this.definition.name, label: this.#label, image });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let error: string | undefined;
    try {
      await this.definition.run(this, signal);
      signal.throwIfAborted();
    } catch (err) {
      error = err instanceof Error ? err.message : String(err);
    }
    this.#active.clear();
    const { now, events } = this.#options;
    const hasSucceeded = error === undefined && this.#isAsWanted;
    const finishedAt = now();
    this.#status = {
      ...this.#status,
      running: false,
      finishedAt,
      error,
      ...(hasSucceeded && { succeededAt: finishedAt }),
    };
    events.jobFinished({ label: this.#label, status: this.status });
  }

  get #label(): string {
    return this.definition.label ?? this.definition.name;
  }

  get #isAsWanted(): boolean {
    const { outcomes } = this.#status;
    return IMAGE_OUTCOMES.every((outcome) => isAsWanted({ outcome }, this.definition.kind) || outcomes[outcome] === 0);
  }
}

function nothingDone() {
  const outcomes = Object.fromEntries(IMAGE_OUTCOMES.map((outcome) => [outcome, 0])) as Record<ImageOutcome, number>;
  return { total: 0, done: 0, outcomes, bytes: 0, spent: 0 };
}
