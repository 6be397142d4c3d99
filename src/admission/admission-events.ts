import type { DecidedContent, Decision } from './decision.ts';
import type { AdmissionRule } from './rule.ts';

type RuleLabels = Pick<AdmissionRule, 'name' | 'mode'>;

/** Events for logs, metrics and webhooks. */
export interface AdmissionEvents {
  /**
   * A client requested a manifest.
   *
   * @param event.outcome `hold` is counted for a tag, in addition to the decision about the digest that is served for it
   * @param event.isCached the decision was known
   */
  requested(event: { rule: RuleLabels; outcome: Decision['outcome'] | 'hold'; isCached: boolean }): void;
  /** A decision was made. */
  decided(event: { rule: RuleLabels; decision: Decision } & DecidedContent): void;
  /** A tag names a digest that is not old enough. Once for each. @param event.until unix milliseconds */
  held(event: { rule: RuleLabels; tag: string; until: number } & DecidedContent): void;
  /** A digest that was held is served. */
  released(event: { rule: RuleLabels; tag: string } & DecidedContent): void;
  /** @param check such as `signatures` @param tookMs milliseconds */
  checked(check: string, tookMs: number): void;
  /** Decisions could not be read or written. They are still made. */
  notKept(error: unknown): void;
}
