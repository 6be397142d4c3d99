import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { createContext } from '../../src/service/context.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { logIntoArray } from '../telemetry/log-lines.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function contextIn(root: string, env: Readonly<Record<string, string>> = {}) {
  const { config } = await loadConfig({
    env: {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(root, 'data'),
      REGISTRY_PROXY_REMOTEURL: 'https://registry.example',
      ...env,
    },
  });
  const telemetry = createTelemetry({ log: logIntoArray().log, metrics: createMetrics() });
  return createContext({ config, env: {}, telemetry });
}

it('a service that cannot be created gives up what it had opened', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'file');
  await writeFile(file, '');
  const failing = contextIn(directory.path, { REGISTRY_PROXY_FILLS_DIRECTORY: join(file, 'spools') });
  await expect(failing).rejects.toMatchObject({ code: 'ENOTDIR' });
  const context = await contextIn(directory.path);
  expect(context.owner.isOwner).toBe(true); // the lock of the storage directory was released
  await context.close();
});

it('a closed service leaves the storage directory to the next', async () => {
  await using directory = await temporaryDirectory();
  for (let runs = 0; runs < 2; runs++) {
    const context = await contextIn(directory.path);
    expect(context.owner.isOwner).toBe(true);
    await context.close();
  }
});
