import { defineConfig } from 'vitest/config';

import { findSuites } from './test/setup/suites.ts';
import { createTestConfig } from './test/setup/test-config.ts';

export default defineConfig(createTestConfig(findSuites(import.meta.dirname, 'test')));
