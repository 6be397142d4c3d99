import type { PullEvents } from '../audit/pull-events.ts';
import type { Log } from './log.ts';

type Event<Name extends keyof PullEvents> = Parameters<PullEvents[Name]>[0];

/** The record of pulls, as log lines. */
export class AuditTelemetry implements PullEvents {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  pullsDamaged({ reason, movedTo }: Event<'pullsDamaged'>): void {
    this.#log.error({ reason, movedTo }, 'record of pulls damaged: moved aside; a new one was started');
  }

  pullsNotRecorded(error: Event<'pullsNotRecorded'>): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn({ reason }, 'pulls not recorded: images are still served');
  }

  pullsRecorded({ lost }: Event<'pullsRecorded'>): void {
    this.#log.info({ lost }, 'pulls recorded again');
  }

  pullsRemovedEarly(): void {
    this.#log.info({}, 'record of pulls is full: oldest removed before audit.keep (raise audit.maxsize to keep them)');
  }
}
