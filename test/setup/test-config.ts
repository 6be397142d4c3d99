import { availableParallelism } from 'node:os';

import type { ViteUserConfig } from 'vitest/config';

import { LongestFirst } from './longest-first.ts';
import { findMemoryDirectory } from './memory-directory.ts';
import type { Suites } from './suites.ts';

/** Of `npm test` and `npm run test:faults`, which run different files. */
export function createTestConfig({ unit, integration, foreign }: Suites): ViteUserConfig {
  const directory = findMemoryDirectory();
  return {
    test: {
      // For tests that hang: on a busy machine a process can take ten seconds to start.
      testTimeout: 60_000,
      hookTimeout: 60_000,
      env: directory === undefined ? {} : { TMPDIR: directory },
      // Files share workers and the modules loaded there: loading `src/` costs more than most files.
      isolate: false,
      // Transformed files stay below node_modules for the next run, by their content.
      experimental: { fsModuleCache: true },
      // As the program runs: to wake other threads for small collections costs more than they save.
      execArgv: ['--no-parallel-scavenge'],
      // For what comes about in another process; the default is one second.
      expect: { poll: { timeout: 30_000 } },
      reporters: ['default', './test/setup/summary-reporter.ts'],
      sequence: { sequencer: LongestFirst },
      // Tests with processes wait more than they compute.
      maxWorkers: Math.max(4, availableParallelism()),
      projects: [
        { extends: true, test: { name: 'unit', include: [...unit] } },
        { extends: true, test: { name: 'integration', include: [...integration] } },
        {
          extends: true,
          test: {
            name: 'foreign',
            include: [...foreign],
            // Programs that we cannot change; the summary reporter limits how many tests may need it.
            retry: 1,
          },
        },
      ],
    },
  };
}
