import { defineConfig } from 'vitest/config';

/** The examples, against the packed and installed package: npm installs it and several versions of Node.js. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    reporters: ['default', './test/setup/summary-reporter.ts'],
  },
});
