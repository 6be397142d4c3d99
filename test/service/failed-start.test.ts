import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { SYSTEM_CLOCK } from '../../src/clock/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openStored } from '../../src/service/composition/stored.ts';
import { createContext } from '../../src/service/context.ts';
import { openStoppedCache } from '../../src/service/stopped-cache.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { logIntoArray } from '../telemetry/log-lines.ts';

type Variables = Readonly<Record<string, string>>;

async function configIn(root: string, variables: Variables = {}) {
  const env = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(root, 'data'), ...variables };
  const { config } = await loadConfig({ env });
  return config;
}

const silent = () => createTelemetry({ log: logIntoArray().log, metrics: createMetrics() });

/** Open files, and sockets, pipes and watchers that keep the process alive. */
async function openHandles(): Promise<number> {
  const files = await readdir('/proc/self/fd');
  return files.length + process.getActiveResourcesInfo().filter((name) => /TCP|Pipe|FSEvent/.test(name)).length;
}

const MISSING_CA = { REGISTRY_REDIS_ADDRS_0: '127.0.0.1:9', REGISTRY_REDIS_TLS_ROOTCAS_0: '/no/such/ca.pem' };
const NO_REDIS = { REGISTRY_REDIS_ADDRS_0: '127.0.0.1:9' };

it.each<[string, (root: string) => Promise<unknown>, string]>([
  [
    'the storage of a server whose Redis certificate is missing',
    async (root) => openStored(await configIn(root, MISSING_CA), { telemetry: silent(), clock: SYSTEM_CLOCK }),
    'redis.tls.rootcas',
  ],
  [
    'a server whose directory of fills is a file',
    async (root) => {
      const file = join(root, 'file');
      await writeFile(file, '');
      const config = await configIn(root, {
        REGISTRY_PROXY_REMOTEURL: 'https://registry.example',
        REGISTRY_PROXY_FILLS_DIRECTORY: join(file, 'spools'),
      });
      return createContext({ config, env: {}, telemetry: silent() });
    },
    'ENOTDIR',
  ],
  [
    'a command whose Redis certificate is missing',
    async (root) => openStoppedCache(await configIn(root, MISSING_CA), silent()),
    'redis.tls.rootcas',
  ],
  [
    'a command whose Redis cannot be reached',
    async (root) => openStoppedCache(await configIn(root, NO_REDIS), silent()),
    'Redis cannot be reached',
  ],
])('%s leaves nothing open, and does not block the next start', { timeout: 60_000 }, async (_what, start, reason) => {
  await using directory = await temporaryDirectory();
  // The first start also loads modules and starts thread pools that stay.
  await expect(start(directory.path)).rejects.toThrow(reason);
  const before = await openHandles();
  await expect(start(directory.path)).rejects.toThrow(reason);
  expect(await openHandles()).toBeLessThanOrEqual(before);
  expect(existsSync(join(directory.path, 'data/layover/index.opening')), 'the index was closed').toBe(false);

  const stopped = await openStoppedCache(await configIn(directory.path), silent());
  expect(stopped.isAlone).toBe(true); // and so no other process has the lock of the storage directory
  await stopped.close();
});
