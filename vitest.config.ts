import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', 'test/s3/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Files start real processes; two cores take no more than this.
    maxWorkers: 2,
    // Real processes on a machine that others use too: what fails for want of time passes the second time, and is shown as such.
    retry: process.env['CI'] ? 1 : 0,
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
