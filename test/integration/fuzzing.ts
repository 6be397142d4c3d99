import { interruptAfterTimeLimit, type Parameters } from 'fast-check';

/** How long one property is tried; `FUZZ_SECONDS=600 npx vitest run test/integration/write-fuzz` looks for longer. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 3);

export const FUZZ_TIMEOUT_MS = SECONDS * 3000 + 60_000;

/** Bounded in time; what fails is printed with the seed that makes it again. */
export const fuzzing = {
  numRuns: 1_000_000,
  plugins: [interruptAfterTimeLimit(SECONDS * 1000)],
} satisfies Parameters<unknown>;
