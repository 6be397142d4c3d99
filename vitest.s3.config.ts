import { defineConfig } from 'vitest/config';

/** Real S3 servers: they have to be built or installed first, so they are a run of their own. */
export default defineConfig({
  test: {
    include: ['test/s3/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
