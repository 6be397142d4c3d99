import type { AdmissionEvents } from '../admission/admission-events.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof AdmissionEvents> = Parameters<AdmissionEvents[Name]>[0];

/** Decisions about content, as log lines and metrics. */
export class AdmissionTelemetry implements AdmissionEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Decisions are being kept. */
  #isKept = true;

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  requested({ rule, outcome, isCached }: Event<'requested'>): void {
    this.#metrics.admissionTotal.at(rule.name, outcome, rule.mode, String(isCached)).value++;
  }

  decided({ rule, decision, repository, digest }: Event<'decided'>): void {
    const { outcome, reason } = decision;
    const facts = { rule: rule.name, mode: rule.mode, repository, digest, reason };
    if (outcome === 'allow') this.#log.debug(facts, 'content admitted');
    else this.#log.warn(facts, outcome === 'deny' ? 'content denied' : 'content not decided');
  }

  held({ rule, repository, tag, digest, until }: Event<'held'>): void {
    const facts = { rule: rule.name, mode: rule.mode, repository, tag, digest, until: new Date(until).toISOString() };
    this.#log.info(facts, 'content held');
  }

  released({ rule, repository, tag, digest }: Event<'released'>): void {
    this.#log.info({ rule: rule.name, mode: rule.mode, repository, tag, digest }, 'content released');
  }

  checked(check: Event<'checked'>, tookMs: number): void {
    this.#metrics.admissionSeconds.at(check).observe(tookMs / 1_000);
  }

  notKept(error: Event<'notKept'>): void {
    if (this.#isKept) this.#log.warn({ reason: String(error) }, 'decisions about content cannot be kept');
    this.#isKept = false;
  }
}
