import { ControlError } from '../operations/control-error.ts';
import { Job, type JobDefinition, type JobOptions } from './job.ts';

/** Finished jobs of commands that are kept. */
const MAX_FINISHED = 50;

/** The long work of this process: configured jobs, and those that commands started. They continue when the command ends. */
export class Jobs {
  readonly #options: JobOptions;
  readonly #configured = new Map<string, Job>();
  readonly #started = new Map<string, Job>();
  #count = 0;
  #isClosed = false;

  constructor(options: JobOptions) {
    this.#options = options;
  }

  get all(): readonly Job[] {
    return [...this.#configured.values(), ...this.#started.values()];
  }

  /** Adds a job that can be run again and again. */
  add(definition: JobDefinition): Job {
    const job = new Job(definition, this.#options);
    this.#configured.set(definition.name, job);
    return job;
  }

  /** Runs a job once, with a name such as `warm-3`. @throws {ControlError} `unavailable` at shutdown */
  start(definition: Omit<JobDefinition, 'name' | 'label'>): Job {
    const name = this.#nextName(definition.kind);
    const job = new Job({ ...definition, name, label: definition.kind }, this.#options);
    this.#forgetFinished();
    this.#started.set(name, job);
    this.#run(job);
    return job;
  }

  /** @throws {ControlError} `not-found` */
  get(name: string): Job {
    const job = this.#configured.get(name) ?? this.#started.get(name);
    if (job) return job;
    throw new ControlError('not-found', `there is no job ${name} (see layover jobs)`);
  }

  /** @throws {ControlError} `held` when it is running; `unavailable` at shutdown */
  run(name: string): Job {
    const job = this.get(name);
    if (job.status.running) throw new ControlError('held', `${name} is running`);
    this.#run(job);
    return job;
  }

  /** Ends all runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const job of this.all) job.stop('the server is shutting down');
    await Promise.all(this.all.map((job) => job.ended));
  }

  #run(job: Job): void {
    if (this.#isClosed) throw new ControlError('unavailable', 'the server is shutting down');
    job.start();
  }

  #nextName(kind: string): string {
    let name: string;
    do name = `${kind}-${++this.#count}`;
    while (this.#configured.has(name));
    return name;
  }

  #forgetFinished(): void {
    const finished = [...this.#started.values()].filter(({ status }) => !status.running);
    for (const { definition } of finished.slice(0, Math.max(0, finished.length - MAX_FINISHED + 1)))
      this.#started.delete(definition.name);
  }
}
