import { type Parameters, type Plugin, PreconditionFailure } from 'fast-check';

/** How long one property is tried. `FUZZ_SECONDS=600 npx vitest run --config vitest.faults.config.ts write-fuzz` looks for longer. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 3);

export const FUZZ_TIMEOUT_MS = SECONDS * 3000 + 60_000;

/**
 * Starts no further run after this time. Unlike `interruptAfterTimeLimit`, it lets the present one end, which would otherwise go on during
 * the next test; and there is at least one.
 */
function endAfter(ms: number): Plugin<unknown> {
  return () => {
    const endsAt = performance.now() + ms;
    let runs = 0;
    return {
      decorateRun: (run) => (value) =>
        runs++ > 0 && performance.now() >= endsAt ? new PreconditionFailure(true) : run(value),
    };
  };
}

/** Bounded in time; what fails is printed with the seed that makes it again. */
export const fuzzing = {
  numRuns: 1_000_000,
  plugins: [endAfter(SECONDS * 1000)],
} satisfies Parameters<unknown>;
