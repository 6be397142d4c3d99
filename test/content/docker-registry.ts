import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

import type { ConfigObject } from '../support/layover.ts';
import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { Fixture } from './image-fixture.ts';

const DELETES = { delete: { enabled: true } };

/** A real `docker-registry` process on a directory that it may share with others; `await using` ends it. */
export async function startDockerRegistry(program: string, rootdirectory: string, more: ConfigObject = {}) {
  const directory = await temporaryDirectory();
  const config = join(directory.path, 'config.yml');
  const port = await freePort();
  await writeFile(
    config,
    stringify({
      version: 0.1,
      log: { level: 'warn' },
      ...more,
      storage: { filesystem: { rootdirectory }, ...(isObject(more.storage) ? more.storage : DELETES) },
      http: { addr: `127.0.0.1:${port}`, ...(isObject(more.http) && more.http) },
    }),
  );
  const process = await RunningProcess.start(program, ['serve', config], { env: programEnvironment() });
  await waitForPort(port, process);
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await process.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function isObject(value: unknown): value is ConfigObject {
  return typeof value === 'object' && value !== null;
}

/** Pushes as clients do: `POST`, `PUT` per blob, then `PUT` per manifest. */
export async function pushFixture(url: string, repository: string, { blobs, manifests }: Fixture): Promise<void> {
  for (const { digest, bytes } of blobs) {
    const started = await expectStatus(202, await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' }));
    const location = new URL(started.headers.get('location') as string, url);
    location.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    await expectStatus(201, await fetch(location, { method: 'PUT', body: bytes, headers }));
  }
  for (const { digest, bytes, mediaType, tag } of manifests) {
    const target = `${url}/v2/${repository}/manifests/${tag ?? digest}`;
    await expectStatus(
      201,
      await fetch(target, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } }),
    );
  }
}

async function expectStatus(status: number, response: Response): Promise<Response> {
  if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${await response.text()}`);
  return response;
}
