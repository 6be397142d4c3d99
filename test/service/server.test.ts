import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { startServer } from '../../src/service/server.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { startServer as startHttpServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { logIntoArray } from '../telemetry/log-lines.ts';

const root = join(import.meta.dirname, '../..');

type Env = Readonly<Record<string, string>>;

function envFor(directory: string, env: Env = {}): Env {
  return {
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(directory, 'data'),
    REGISTRY_PROXY_REMOTEURL: 'https://registry.example',
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    ...env,
  };
}

async function start(directory: string, env: Env = {}) {
  const { config } = await loadConfig({ env: envFor(directory, env) });
  const { log, parsed } = logIntoArray();
  const server = await startServer({ config, env: {}, telemetry: createTelemetry({ log, metrics: createMetrics() }) });
  return Object.assign(server, { parsed });
}

/** Starts on the same data directory, which works only when the failed start has released it. */
async function expectToStart(directory: string): Promise<void> {
  const server = await start(directory);
  const response = await fetch(`${server.url}/v2/`);
  expect(response.status).toBe(200);
  const socket = await stat(join(directory, 'data/layover/admin.sock'));
  expect(socket.isSocket()).toBe(true); // it owns the directory
  await server.drain();
}

describe('a start that fails leaves the data directory to the next one', () => {
  it.each([
    ['the port is in use', 'REGISTRY_HTTP_ADDR'],
    ['the debug port is in use', 'REGISTRY_HTTP_DEBUG_ADDR'],
    ['the port of the admin API is in use', 'REGISTRY_ADMIN_ADDR'],
  ])('when %s', async (_case, key) => {
    await using directory = await temporaryDirectory();
    await using other = await startHttpServer(() => {});
    const token = { REGISTRY_ADMIN_TOKEN: 'a-secret-of-enough-characters' };
    const starting = start(directory.path, { ...token, [key]: `127.0.0.1:${other.port}` });
    await expect(starting).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expectToStart(directory.path);
  });

  it('when a TLS file cannot be read', async () => {
    await using directory = await temporaryDirectory();
    const missing = join(directory.path, 'missing.pem');
    const starting = start(directory.path, {
      REGISTRY_HTTP_TLS_CERTIFICATE: missing,
      REGISTRY_HTTP_TLS_KEY: missing,
    });
    await expect(starting).rejects.toMatchObject({ code: 'ENOENT' });
    await expectToStart(directory.path);
  });

  it('when the sockets of systemd cannot be used', async () => {
    await using directory = await temporaryDirectory();
    const { config } = await loadConfig({ env: envFor(directory.path) });
    const telemetry = createTelemetry({ log: logIntoArray().log, metrics: createMetrics() });
    const env = { LISTEN_PID: String(process.pid), LISTEN_FDS: '2' };
    await expect(startServer({ config, env, telemetry })).rejects.toThrow('2 sockets were passed');
    await expectToStart(directory.path);
  });
});

it('an admin socket that cannot be created is logged, and the service runs without it', async () => {
  await using directory = await temporaryDirectory();
  await (await start(directory.path)).drain();
  await writeFile(join(directory.path, 'data/layover/admin.sock'), 'not a socket');
  const server = await start(directory.path);
  expect(server.parsed()).toContainEqual(expect.objectContaining({ level: 'error', msg: 'admin API failed' }));
  expect((await fetch(`${server.url}/v2/`)).status).toBe(200);
  await server.drain();
});

it('nothing of a start that failed keeps the process alive', async () => {
  await using directory = await temporaryDirectory();
  await using other = await startHttpServer(() => {});
  const program = `
    import { loadConfig } from './src/config/load.ts';
    import { startServer } from './src/service/server.ts';
    import { createLog } from './src/telemetry/log.ts';
    import { createMetrics } from './src/telemetry/metrics.ts';
    import { createTelemetry } from './src/telemetry/telemetry.ts';
    const { config } = await loadConfig({ env: process.env });
    const telemetry = createTelemetry({ log: createLog(config.log), metrics: createMetrics() });
    await startServer({ config, env: {}, telemetry }).catch((err) => console.log(err.code));
  `;
  const env = { ...process.env, ...envFor(directory.path, { REGISTRY_HTTP_ADDR: `127.0.0.1:${other.port}` }) };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { cwd: root, env },
  );
  expect(stdout).toContain('EADDRINUSE\n');
});
