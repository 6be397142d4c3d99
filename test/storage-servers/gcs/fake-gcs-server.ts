import { afterAll, beforeAll } from 'vitest';

import type { GcsOptions } from '../../../src/storage/gcs/options.ts';
import { freePort, RunningProcess, waitForPort } from '../../support/processes.ts';
import { findProgram, programEnvironment } from '../../support/programs.ts';

export const BUCKET = 'registry';
const PROGRAM = 'fake-gcs-server';

export const fakeGcsServer = await findProgram(PROGRAM);
if (fakeGcsServer === undefined) {
  console.warn(`${PROGRAM} is missing, and go to build it, or a way to its source: its tests are skipped`);
}

interface GcsServer extends AsyncDisposable {
  readonly url: string;
}

/** fsouza's server in memory, with one empty bucket. It checks no tokens, checksums and signatures, and has no pages in lists. */
async function startFakeGcsServer(program: string): Promise<GcsServer> {
  const port = await freePort();
  const [host, url] = [`127.0.0.1:${port}`, `http://127.0.0.1:${port}`];
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
  const server = await RunningProcess.start(program, [...args, '-public-host', host, '-external-url', url], {
    env: programEnvironment(),
  });
  await waitForPort(port, server);
  const created = await fetch(`${url}/storage/v1/b?project=p`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: BUCKET }),
  });
  if (!created.ok) throw new Error(`the bucket was not created: ${created.status} ${await created.text()}`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      await server.stop();
    },
  };
}

/** One server for all tests of a file. Call the result inside a test. */
export function sharedGcs(): () => GcsServer {
  let server: GcsServer | undefined;
  beforeAll(async () => {
    if (fakeGcsServer !== undefined) server = await startFakeGcsServer(fakeGcsServer);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error('requested before the test began');
    return server;
  };
}

/** Options for a server that checks no tokens. */
export function gcsOptions(endpoint: string, more: Partial<GcsOptions> = {}): GcsOptions {
  return { bucket: BUCKET, endpoint, credentials: { kind: 'anonymous' }, ...more };
}
