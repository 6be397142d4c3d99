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

it('a name that the deny list excludes cannot be pulled, and refuses writes like every name of an upstream', async () => {
  await using directory = await temporaryDirectory();
  const upstream = 'REGISTRY_PROXY_UPSTREAMS_0';
  const context = await contextIn(directory.path, {
    REGISTRY_PROXY_REMOTEURL: '',
    [`${upstream}_REMOTEURL`]: 'https://registry.example',
    [`${upstream}_DENY_0`]: 'secret/**',
  });
  const { registry, repository } = context.router.route({
    repository: 'secret/app',
    sourceHost: undefined,
    host: undefined,
  });
  const reference = { kind: 'tag', tag: '1' } as const;
  await expect(registry.getManifest(repository, reference)).rejects.toMatchObject({ code: 'DENIED' });
  const refusal = { code: 'UNSUPPORTED', status: 405, options: { headers: { allow: 'GET, HEAD, OPTIONS' } } };
  await expect(registry.uploads.start(repository, 'sha256')).rejects.toMatchObject(refusal);
  await expect(registry.deleteManifest(repository, reference)).rejects.toMatchObject(refusal);
  await context.close();
});
