import { defineConfig } from 'vitest/config';

/** Servers of storage that have to be built or installed first, so they are a run of their own. */
export default defineConfig({
  test: {
    include: ['test/storage-servers/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    // Programs that we cannot change; the summary reporter prints the tests that needed it, and limits their number.
    retry: process.env['CI'] ? 1 : 0,
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
