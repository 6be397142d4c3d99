import type { Governor } from '../../budget/governor.ts';
import { describeBucket } from '../../budget/report.ts';
import type { Clock } from '../../clock/clock.ts';
import type { BudgetControl, BudgetHold, BudgetReport, UpstreamBudget } from '../../operations/budget-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Upstream } from '../../upstream/upstream.ts';

export interface GovernedUpstream {
  readonly upstream: Upstream;
  readonly budget: Governor;
}

const SAVED_BY = ['hit', 'head', 'stale', 'mirror', 'coalesced'] as const;

/** The budgets of this process's upstreams, for operators. */
export class LocalBudgets implements BudgetControl {
  readonly #upstreams: readonly GovernedUpstream[];
  readonly #metrics: Metrics;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(upstreams: readonly GovernedUpstream[], { metrics, clock }: { metrics: Metrics; clock: Clock }) {
    this.#upstreams = upstreams;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  async budget(name?: string): Promise<BudgetReport> {
    return { upstreams: this.#selected(name).map((each) => this.#report(each)) };
  }

  async holdBudget({ hold = true, upstream }: BudgetHold): Promise<BudgetReport> {
    for (const { budget } of this.#selected(upstream)) budget.hold(hold);
    return this.budget(upstream);
  }

  /** @throws {ControlError} `not-found` */
  #selected(name: string | undefined): readonly GovernedUpstream[] {
    const selected = this.#upstreams.filter(({ upstream }) => name === undefined || upstream.name === name);
    if (selected.length > 0 || name === undefined) return selected;
    const names = this.#upstreams.map(({ upstream }) => upstream.name).join(', ');
    throw new ControlError('not-found', `there is no upstream ${name}; configured: ${names}`);
  }

  #report({ upstream, budget }: GovernedUpstream): UpstreamBudget {
    const { logins = [] } = upstream.status();
    const saved = SAVED_BY.map((reason) => [reason, this.#metrics.pullsSaved.at(upstream.name, reason).value]);
    return {
      upstream: upstream.name,
      held: budget.isHeld,
      members: budget.buckets().map(({ member, key, bucket }) => {
        const trouble = logins.find(({ name }) => name === member);
        return {
          member,
          bucket: key.replace(/^(?:source|member):/, ''),
          ...describeBucket(bucket, this.#clock.now()),
          ...(trouble && { trouble: { reason: trouble.reason, retryAt: trouble.retryAt } }),
        };
      }),
      saved: Object.fromEntries(saved) as Record<string, number>,
    };
  }
}
