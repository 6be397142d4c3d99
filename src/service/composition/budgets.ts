import { available } from '../../budget/bucket.ts';
import { LocalBuckets } from '../../budget/buckets.ts';
import { emptyAt } from '../../budget/forecast.ts';
import { Governor } from '../../budget/governor.ts';
import { RequestRate } from '../../budget/request-rate.ts';
import type { Clock } from '../../clock/clock.ts';
import type { UpstreamConfig } from '../../config/config.ts';
import type { Redis } from '../../redis/redis.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { accountGroups } from '../../upstream/account-groups.ts';

export interface BudgetParts {
  /** Absent when replicas do not share pulls. */
  readonly redis: Redis | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** The pulls and requests that an upstream allows. */
export interface UpstreamLimits {
  readonly budget: Governor;
  /** Absent without a limit of requests. */
  readonly rate: RequestRate | undefined;
}

export async function createLimits(
  config: UpstreamConfig,
  { redis, telemetry, clock }: BudgetParts,
): Promise<UpstreamLimits> {
  const { name: upstream, budget: policy, credentials } = config;
  const budget = new Governor({
    upstream,
    members: accountGroups(credentials, policy.pool),
    policy,
    buckets: redis ? await shareBuckets(redis, upstream) : new LocalBuckets(),
    clock,
    events: telemetry.budget,
  });
  measureBudget(budget, upstream, { telemetry, clock });
  const { requestsPerSecond: perSecond } = policy;
  return { budget, rate: perSecond > 0 ? new RequestRate({ perSecond, clock }) : undefined };
}

async function shareBuckets(redis: Redis, upstream: string) {
  const { SharedBuckets } = await import('../../budget/shared-buckets.ts');
  return new SharedBuckets(redis, upstream);
}

/** Read when metrics are scraped. Absent while no limit is known. */
function measureBudget(budget: Governor, upstream: string, { telemetry, clock }: Omit<BudgetParts, 'redis'>): void {
  const { budgetLimit, budgetRemaining, budgetExhausted } = telemetry.metrics;
  for (const { member } of budget.buckets()) {
    const bucket = () => budget.bucketOf(member);
    budgetLimit.measure(() => bucket().limit, upstream, member);
    budgetRemaining.measure(() => available(bucket(), clock.now()), upstream, member);
    const left = () => {
      const at = emptyAt(bucket(), clock.now());
      return at === undefined ? undefined : Math.max(0, at - clock.now()) / 1_000;
    };
    budgetExhausted.measure(left, upstream, member);
  }
}
