import { defineConfig } from 'vitest/config';

import { findSuites } from './test/setup/suites.ts';
import { createTestConfig } from './test/setup/test-config.ts';

/** Kills, power failures, full and damaged disks, storms of requests, fuzzing: minutes of CPU, so a run of their own. */
export default defineConfig(createTestConfig(findSuites(import.meta.dirname, 'faults')));
