import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { createAzureDriver } from '../../../src/storage/azure/azure.ts';
import type { AzureOptions } from '../../../src/storage/azure/options.ts';
import { signRequest } from '../../../src/storage/azure/shared-key.ts';
import { freePort, RunningProcess, waitForPort } from '../../support/processes.ts';
import { programEnvironment } from '../../support/programs.ts';

export const CONTAINER = 'registry';
export const ACCOUNT = 'devstoreaccount1';
/** Published by the README of Azurite. */
export const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const MAIN = join(
  import.meta.dirname,
  '../../../node_modules/.cache/layover-tests/azurite/node_modules/azurite/dist/src/blob/main.js',
);

export const hasAzurite = await access(MAIN).then(
  () => true,
  () => false,
);
if (!hasAzurite)
  console.warn('Azurite is missing (node test/setup/prepare.mjs --storage installs it): its tests are skipped');

/** One server in memory for all tests of a file, with an empty container. Call the result inside a test. */
export function sharedAzurite(): () => string {
  let server: RunningProcess | undefined;
  let url: string;
  beforeAll(async () => {
    if (!hasAzurite) return;
    const port = await freePort();
    const args = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence', '--silent'];
    server = await RunningProcess.start(
      process.execPath,
      [MAIN, ...args, '--skipApiVersionCheck', '--disableTelemetry'],
      {
        env: programEnvironment(),
      },
    );
    await waitForPort(port, server);
    url = `http://127.0.0.1:${port}/${ACCOUNT}`;
    const created = { method: 'PUT' as const, url: new URL(`${url}/${CONTAINER}?restype=container`) };
    const response = await fetch(created.url, {
      method: 'PUT',
      headers: signRequest(created, { account: ACCOUNT, key: KEY }),
    });
    if (!response.ok) throw new Error(`the container was not created: ${response.status} ${await response.text()}`);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => url;
}

export function createDriver(serviceUrl: string, more: Partial<AzureOptions> = {}) {
  const driver = createAzureDriver({
    account: ACCOUNT,
    container: CONTAINER,
    credentials: { kind: 'shared_key', key: KEY },
    serviceUrl,
    blockBytes: 1024 * 1024,
    ...more,
  });
  return { driver, [Symbol.asyncDispose]: () => driver.close() };
}
