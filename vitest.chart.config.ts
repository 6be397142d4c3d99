import { defineConfig } from 'vitest/config';

/** The Helm chart: Helm and what checks its output are built first, which takes minutes on a new machine. */
export default defineConfig({
  test: {
    include: ['test/chart/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
