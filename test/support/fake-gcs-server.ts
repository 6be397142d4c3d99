import { freePort, RunningProcess, waitForPort } from './processes.ts';
import { findProgram, programEnvironment } from './programs.ts';

export const BUCKET = 'registry';
const PROGRAM = 'fake-gcs-server';

export const fakeGcsServer = await findProgram(PROGRAM);
if (fakeGcsServer === undefined) {
  console.warn(`${PROGRAM} is missing, and go to build it, or access to its source: its tests are skipped`);
}

export interface GcsServer extends AsyncDisposable {
  readonly url: string;
}

/** fsouza's server in memory, with one empty bucket. It checks no tokens, checksums and signatures, and has no pages in lists. */
export async function startFakeGcsServer(program: string): Promise<GcsServer> {
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
