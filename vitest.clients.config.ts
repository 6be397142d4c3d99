import { defineConfig } from 'vitest/config';

/** Real container clients: they need root and are slow, so they are a run of their own. */
export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    // Each file starts a daemon, an upstream and the service.
    fileParallelism: false,
    // Programs that we cannot change; the summary reporter prints the tests that needed it, and limits their number.
    retry: process.env['CI'] ? 1 : 0,
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
