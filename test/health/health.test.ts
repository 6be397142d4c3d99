import { EventEmitter, once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it, vi } from 'vitest';

import type { HealthConfig } from '../../src/config/config.ts';
import type { CheckedStorage } from '../../src/health/health-checks.ts';
import { createHealth } from '../../src/health/health.ts';
import { PathNotFoundError } from '../../src/storage/driver.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { logIntoArray } from '../telemetry/log-lines.ts';

const EVERY = { intervalMs: 10, timeoutMs: 5000, threshold: 1 };

function storageThat(respond: () => Promise<unknown>, name = 'filesystem'): CheckedStorage {
  return {
    name,
    stat: () => respond().then(() => ({ isDirectory: true })),
    isNotFound: (error) => error instanceof PathNotFoundError,
  };
}

function setUp(config: Partial<HealthConfig>, storage = storageThat(async () => {})) {
  const { log, parsed } = logIntoArray();
  const off = { enabled: false, intervalMs: 10, threshold: 1 };
  const reported = { enabled: true, fatal: false, intervalMs: 10, threshold: 1 };
  const upstreams = { ...reported, probe: false, timeoutMs: 10 };
  const health = createHealth(
    { storageDriver: off, files: [], http: [], tcp: [], redis: reported, upstreams, ...config },
    { storage, redis: undefined, upstreams: [], log },
  );
  return { health, parsed, [Symbol.dispose]: () => health.stop() };
}

/** The port of a TCP server that is closed. */
async function closedPort(): Promise<number> {
  await using server = await startServer(() => {});
  return server.port;
}

describe('health', () => {
  it('is good without checks, and before the first check', () => {
    using checks = setUp({ files: [{ path: '/', intervalMs: 1_000_000 }] });
    checks.health.start();
    expect(checks.health.isHealthy()).toBe(true);
    expect(checks.health.failures()).toEqual({});
  });

  it('fails while a file exists', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'down');
    using checks = setUp({ files: [{ path, intervalMs: 60_000 }] });
    await writeFile(path, '');
    await checks.health.checkNow();
    expect(checks.health.failures()).toEqual({ [path]: 'file exists' });
    expect(checks.health.isHealthy()).toBe(false);
    await rm(path);
    await checks.health.checkNow();
    expect(checks.health.isHealthy()).toBe(true);
    expect(checks.parsed()).toMatchObject([
      { level: 'warning', msg: 'health check failed', check: path, reason: 'file exists' },
      { level: 'info', msg: 'health check recovered', check: path },
    ]);
  });

  it('runs its checks again and again once started', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'down');
    using checks = setUp({ files: [{ path, intervalMs: 5 }] });
    checks.health.start();
    await writeFile(path, '');
    await vi.waitFor(() => expect(checks.health.isHealthy()).toBe(false), 10_000);
    await rm(path);
    await vi.waitFor(() => expect(checks.health.isHealthy()).toBe(true), 10_000);
  });

  it('counts failures in a row up to the threshold', async () => {
    let broken = true;
    const storage = storageThat(async () => {
      if (broken) throw new Error('input/output error');
    });
    using checks = setUp({ storageDriver: { enabled: true, intervalMs: 10, threshold: 3 } }, storage);
    const healthyAfterCheck = async () => {
      await checks.health.checkNow();
      return checks.health.isHealthy();
    };
    expect([await healthyAfterCheck(), await healthyAfterCheck()]).toEqual([true, true]);
    broken = false;
    expect(await healthyAfterCheck()).toBe(true);
    broken = true;
    expect([await healthyAfterCheck(), await healthyAfterCheck(), await healthyAfterCheck()]).toEqual([
      true,
      true,
      false,
    ]);
    expect(checks.health.failures()).toEqual({ storagedriver_filesystem: 'input/output error' });
  });

  it('is not ready before its storage has responded once, below the threshold as well', async () => {
    let respond: () => Promise<unknown> = () => Promise.reject(new Error('no such bucket'));
    const config = { storageDriver: { enabled: true, intervalMs: 20, threshold: 1_000_000 } };
    using checks = setUp(
      config,
      storageThat(() => respond()),
    );
    checks.health.start();
    expect(checks.health.readiness()).toBe('starting');
    await expect.poll(() => checks.health.readiness()).toBe('failing');
    expect(checks.health.isHealthy()).toBe(true);
    expect(checks.health.report()).toMatchObject({ storagedriver_filesystem: { state: 'failing' } });
    respond = async () => {};
    await expect.poll(() => checks.health.readiness()).toBe('ready');
    expect(checks.parsed()).toMatchObject([
      { level: 'error', msg: 'startup check failed', check: 'storagedriver_filesystem', reason: 'no such bucket' },
      { level: 'info', msg: 'health check recovered' },
    ]);
    // From now on the threshold applies.
    respond = () => Promise.reject(new Error('input/output error'));
    await checks.health.checkNow();
    await checks.health.checkNow();
    expect(checks.health.readiness()).toBe('ready');
  });

  it('is not ready while the first check of the storage hangs', async () => {
    using checks = setUp(
      {},
      storageThat(() => new Promise(() => {})),
    );
    checks.health.start();
    expect(checks.health.readiness()).toBe('starting');
    await expect.poll(() => checks.health.readiness()).toBe('failing');
  });

  it('is not ready without its storage, whether or not that makes it unhealthy', async () => {
    const storage = storageThat(() => Promise.reject(new Error('input/output error')));
    using checks = setUp({}, storage);
    expect(checks.health.readiness()).toBe('starting');
    checks.health.start();
    await checks.health.checkNow();
    expect([checks.health.readiness(), checks.health.isHealthy()]).toEqual(['failing', true]);
    expect(checks.health.report()).toEqual({
      storagedriver_filesystem: {
        state: 'failing',
        consequence: 'unready',
        reason: 'input/output error',
        checkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    });
  });

  it('accepts storage in which nothing has been written yet, but not a missing directory', async () => {
    const missing = () => Promise.reject(new PathNotFoundError('s3', '/'));
    const [empty, gone] = [storageThat(missing, 's3'), storageThat(missing)];
    using lost = setUp({ storageDriver: { enabled: true, intervalMs: 10, threshold: 0 } }, gone);
    await lost.health.checkNow();
    expect(lost.health.failures()).toEqual({ storagedriver_filesystem: expect.stringContaining('no such path') });
    using checks = setUp({ storageDriver: { enabled: true, intervalMs: 10, threshold: 0 } }, empty);
    await checks.health.checkNow();
    expect(checks.health.failures()).toEqual({});
  });

  it('fails while the storage hangs, starts no second check, and recovers when it responds', async () => {
    let calls = 0;
    const revived = new EventEmitter();
    const revival = once(revived, 'now');
    const hanging = storageThat(() => {
      calls++;
      return revival;
    });
    using checks = setUp({ storageDriver: { enabled: true, intervalMs: 5, threshold: 2 } }, hanging);
    checks.health.start();
    const failures = { storagedriver_filesystem: 'no result within 5 ms' };
    await vi.waitFor(() => expect(checks.health.failures()).toEqual(failures), 10_000);
    expect(calls).toBe(1);
    revived.emit('now');
    await vi.waitFor(() => expect(checks.health.isHealthy()).toBe(true), 10_000);
  });

  it('sends HEAD with the configured headers to another service and compares the status', async () => {
    const seen: unknown[] = [];
    let status = 204;
    await using server = await startServer((request, response) => {
      seen.push([request.method, request.headers['x-probe']]);
      response.writeHead(status).end();
    });
    const uri = `${server.url}/up`;
    using checks = setUp({ http: [{ ...EVERY, uri, headers: { 'x-probe': 'yes' }, statusCode: 204 }] });
    await checks.health.checkNow();
    expect(checks.health.isHealthy()).toBe(true);
    expect(seen).toEqual([['HEAD', 'yes']]);
    status = 500;
    await checks.health.checkNow();
    expect(checks.health.failures()).toEqual({ [uri]: 'status 500 instead of 204' });
  });

  it('shows no password of a checked service, but uses it', async () => {
    await using server = await startServer((request, response) => {
      const expected = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
      response.writeHead(request.headers.authorization === expected ? 418 : 401).end();
    });
    const uri = `http://me:s3cret@127.0.0.1:${server.port}/?token=s3cret`;
    using checks = setUp({ http: [{ ...EVERY, uri, headers: {}, statusCode: 200 }] });
    await checks.health.checkNow();
    const name = `http://127.0.0.1:${server.port}/?token=REDACTED`;
    expect(checks.health.failures()).toEqual({ [name]: 'status 418 instead of 200' });
    expect(JSON.stringify(checks.parsed())).not.toContain('s3cret');
  });

  it('fails when a service refuses connections or does not respond in time', async () => {
    await using silent = await startServer(() => {});
    const gone = `http://127.0.0.1:${await closedPort()}/`;
    const http = { ...EVERY, headers: {}, statusCode: 200 };
    using checks = setUp({
      http: [
        { ...http, uri: gone },
        { ...http, uri: silent.url, timeoutMs: 20 },
      ],
    });
    await checks.health.checkNow();
    expect(checks.health.failures()).toEqual({
      [gone]: expect.stringContaining('ECONNREFUSED'),
      [silent.url]: 'no result within 20 ms',
    });
  });

  it('connects to an address by TCP', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const gone = `127.0.0.1:${await closedPort()}`;
    using checks = setUp({
      tcp: [
        { ...EVERY, address: `127.0.0.1:${port}` },
        { ...EVERY, address: gone },
      ],
    });
    await checks.health.checkNow();
    server.close();
    expect(checks.health.failures()).toEqual({ [gone]: expect.stringContaining('ECONNREFUSED') });
  });
});
