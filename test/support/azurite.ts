import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { signRequest } from '../../src/storage/azure/shared-key.ts';
import { freePort, RunningProcess, waitForPort } from './processes.ts';
import { programEnvironment } from './programs.ts';

export const CONTAINER = 'registry';
export const ACCOUNT = 'devstoreaccount1';
/** Published by the README of Azurite. */
export const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const MAIN = join(
  import.meta.dirname,
  '../../node_modules/.cache/layover-tests/azurite/node_modules/azurite/dist/src/blob/main.js',
);

export const hasAzurite = await access(MAIN).then(
  () => true,
  () => false,
);
if (!hasAzurite)
  console.warn('Azurite is missing (node test/setup/prepare.mjs --storage installs it): its tests are skipped');

export interface Azurite extends AsyncDisposable {
  /** Of the account. */
  readonly url: string;
}

/** Azurite in memory, with an empty container. */
export async function startAzurite(): Promise<Azurite> {
  const port = await freePort();
  const args = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence', '--silent'];
  const all = [MAIN, ...args, '--skipApiVersionCheck', '--disableTelemetry'];
  const server = await RunningProcess.start(process.execPath, all, { env: programEnvironment() });
  await waitForPort(port, server);
  const url = `http://127.0.0.1:${port}/${ACCOUNT}`;
  const created = { method: 'PUT' as const, url: new URL(`${url}/${CONTAINER}?restype=container`) };
  const headers = signRequest(created, { account: ACCOUNT, key: KEY });
  const response = await fetch(created.url, { method: 'PUT', headers });
  if (!response.ok) throw new Error(`the container was not created: ${response.status} ${await response.text()}`);
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
