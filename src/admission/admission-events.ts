import type { DecidedContent, Decision } from './decision.ts';
import type { AdmissionRule } from './rule.ts';

type RuleLabels = Pick<AdmissionRule, 'name' | 'mode'>;

/** Events for logs, metrics and webhooks. */
export interface AdmissionEvents {
  /** A client requested a manifest. @param isCached the decision was known */
  requested(event: { rule: RuleLabels; outcome: Decision['outcome']; isCached: boolean }): void;
  /** A decision was made. */
  decided(event: { rule: RuleLabels; decision: Decision } & DecidedContent): void;
  /** @param check such as `signatures` @param tookMs milliseconds */
  checked(check: string, tookMs: number): void;
  /** Decisions could not be read or written. They are still made. */
  notKept(error: unknown): void;
}
