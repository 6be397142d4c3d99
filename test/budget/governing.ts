import type { BudgetEvents, PullRequest } from '../../src/budget/governor.ts';
import type { BudgetPolicy } from '../../src/budget/policy.ts';
import type { Spending } from '../../src/budget/spending.ts';

export const POLICY: BudgetPolicy = {
  pool: 'most',
  reserve: { part: 0.2 },
  scarce: { pulls: 0 },
  fairShare: 1,
  waitMs: 0,
  onExhausted: 'error',
};

export function pullOf(client: string | undefined, more: Partial<Spending & PullRequest> = {}): PullRequest {
  const { class: by = 'client', ...rest } = more;
  return {
    spending: { class: by, client },
    repository: 'library/app',
    tried: [],
    isAside: () => false,
    signal: new AbortController().signal,
    ...rest,
  };
}

export function ignoredBudgetEvents(): BudgetEvents {
  const ignore = () => {};
  return { pullSpent: ignore, pullWaited: ignore, pullRefused: ignore };
}
