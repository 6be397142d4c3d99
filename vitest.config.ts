import { defineConfig } from 'vitest/config';

import { findSuites } from './test/setup/suites.ts';

const { unit, integration, foreign } = findSuites(import.meta.dirname);

export default defineConfig({
  test: {
    // For tests that hang: on a busy machine a process can take ten seconds to start.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Files share workers and the modules loaded there: loading `src/` costs more than most files.
    isolate: false,
    reporters: ['default', './test/setup/summary-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: [...unit], sequence: { groupOrder: 0 } } },
      {
        extends: true,
        // They wait more than they compute.
        test: { name: 'integration', include: [...integration], maxWorkers: 4, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'foreign',
          include: [...foreign],
          maxWorkers: 3,
          // Programs that we cannot change; the summary reporter limits how many tests may need it.
          retry: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
