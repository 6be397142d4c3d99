import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', 'test/s3/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Files start real processes; two cores take no more than this.
    maxWorkers: 2,
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
