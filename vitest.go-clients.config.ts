import { defineConfig } from 'vitest/config';

import clients from './vitest.clients.config.ts';

/** Clients that Debian has no package of: they are built first, which takes minutes on a new machine. */
export default defineConfig({ test: { ...clients.test, include: ['test/clients/go/*.test.ts'] } });
