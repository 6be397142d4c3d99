import { defineConfig } from 'vitest/config';

/** The image, the packages and the files of `packaging/`: they are built first, and most tests need root. */
export default defineConfig({
  test: {
    include: ['test/install/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 600_000,
    // Each file starts servers, or containers.
    fileParallelism: false,
    expect: { poll: { timeout: 30_000 } },
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
