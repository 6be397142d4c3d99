import type { Check } from './check.ts';

/** What one registry answered to a check, or why it could not be observed. */
export type Observed = readonly string[] | Error;

export interface Compared {
  readonly check: Check;
  readonly layover: Observed;
  /** Undefined without a control. */
  readonly control: Observed | undefined;
}

/**
 * - `passed`: as expected, and so is the control, or it differs and the difference is known
 * - `wrong`: Layover is not as expected
 * - `unknown`: the control is not as Layover, and nobody says why
 * - `settled`: a known difference that is none any more
 */
export type Verdict = 'passed' | 'wrong' | 'unknown' | 'settled';

export function judge({ check, layover, control }: Compared, isKnown: boolean): Verdict {
  if (!equals(layover, check.expected)) return 'wrong';
  if (control === undefined) return 'passed';
  const differs = !equals(control, check.expected);
  if (differs === isKnown) return 'passed';
  return differs ? 'unknown' : 'settled';
}

export function equals(observed: Observed, expected: readonly string[]): boolean {
  return !(observed instanceof Error) && JSON.stringify(observed) === JSON.stringify(expected);
}

/** The lines that differ, each of the two below the other. */
export function differingLines(left: readonly [string, Observed], right: readonly [string, Observed]): string[] {
  const [a, b] = [linesOf(left[1]), linesOf(right[1])];
  const width = Math.max(left[0].length, right[0].length);
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i)
    .filter((i) => a[i] !== b[i])
    .flatMap((i) => [`  ${left[0].padEnd(width)}  ${a[i] ?? '-'}`, `  ${right[0].padEnd(width)}  ${b[i] ?? '-'}`]);
}

function linesOf(observed: Observed): readonly string[] {
  return observed instanceof Error ? [String(observed)] : observed;
}
