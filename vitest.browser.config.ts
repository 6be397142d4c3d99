import { defineConfig } from 'vitest/config';

/** The dashboard in Debian's Chromium. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    // Each file starts a browser, an upstream and the service.
    fileParallelism: false,
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
