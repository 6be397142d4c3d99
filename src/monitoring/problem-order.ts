import type { Problem } from '../operations/problem-control.ts';

const SEVERITIES = ['error', 'warning', 'notice'];

/**
 * The most severe first. Of these the first of each cause, then the second of each and so on, so that a short list has all
 * causes.
 *
 * @param problems within each cause in their order
 */
export function inProblemOrder(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Map<string, number>();
  const ranked = problems.map((problem) => {
    const rank = seen.get(problem.cause) ?? 0;
    seen.set(problem.cause, rank + 1);
    return { problem, rank, severity: SEVERITIES.indexOf(problem.severity) };
  });
  return ranked.toSorted((a, b) => a.severity - b.severity || a.rank - b.rank).map(({ problem }) => problem);
}
