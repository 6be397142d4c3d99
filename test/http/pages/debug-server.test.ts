import { join } from 'node:path';

import { Agent, fetch, request } from 'undici';
import { describe, expect, it } from 'vitest';

import type { HealthConfig } from '../../../src/config/config.ts';
import { createProfilePages } from '../../../src/http/pages/debug-profiles.ts';
import { startDebugServer } from '../../../src/http/pages/debug-server.ts';
import type { DebugServerOptions } from '../../../src/http/pages/debug-server.ts';
import { createHealth } from '../../../src/health/health.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { logIntoArray } from '../../telemetry/log-lines.ts';
import { parseMetrics } from '../../telemetry/metric-samples.ts';

const PAGES = ['/debug/health', '/livez', '/readyz', '/debug/vars', '/debug/pprof/profile', '/debug/pprof/heap'];

async function setUp({ files = [], ...options }: Partial<DebugServerOptions & Pick<HealthConfig, 'files'>> = {}) {
  const metrics = createMetrics();
  const storageDriver = { enabled: false, intervalMs: 1000, threshold: 1 };
  const storage = { name: 'inmemory', stat: async () => ({ isDirectory: true }), isNotFound: () => false };
  const reported = { enabled: true, fatal: false, intervalMs: 1000, threshold: 1 };
  const upstreams = { ...reported, probe: false, timeoutMs: 1000 };
  const health = createHealth(
    { storageDriver, files, http: [], tcp: [], redis: reported, upstreams },
    { storage, redis: undefined, upstreams: [], log: logIntoArray().log },
  );
  const server = await startDebugServer({
    listen: { net: 'tcp', host: '127.0.0.1', port: 0 },
    metrics,
    health,
    prometheusPath: '/metrics',
    hosts: [],
    profiles: createProfilePages(),
    hasToken: undefined,
    ...options,
  });
  return { url: server.url, metrics, health, close: () => server.close(), [Symbol.asyncDispose]: () => server.close() };
}

describe('debug server', () => {
  it('responds 200 with an empty object when healthy', async () => {
    await using server = await setUp();
    const response = await fetch(`${server.url}/debug/health`);
    expect([response.status, await response.text()]).toEqual([200, '{}']);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('x-powered-by')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('responds 503 with the failures when not', async () => {
    await using server = await setUp({ files: [{ path: '/', intervalMs: 1000 }] });
    await server.health.checkNow();
    const response = await fetch(`${server.url}/debug/health`);
    expect([response.status, await response.json()]).toEqual([503, { '/': 'file exists' }]);
  });

  it('shows the metrics as they are now, at the configured path', async () => {
    await using server = await setUp({ prometheusPath: '/prometheus' });
    server.metrics.storageFull.value = 7;
    const response = await fetch(`${server.url}/prometheus`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const samples = parseMetrics(await response.text());
    expect(samples.get('layover_storage_full_total')).toBe(7);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
  });

  it('lists its pages at the root, and for an unknown path', async () => {
    await using server = await setUp();
    const root = await fetch(server.url);
    expect([root.status, await root.json()]).toEqual([200, { pages: [...PAGES, '/metrics'] }]);
    for (const path of ['/debug/var', '/debug/pprofs', '/v2/', '/%zz', '/debug/health/down']) {
      const response = await fetch(`${server.url}${path}`);
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.json()).toEqual({
        error: 'page not found',
        pages: [...PAGES, '/metrics'],
      });
    }
    const posted = await fetch(`${server.url}/debug/health`, { method: 'POST' });
    expect(posted.status).toBe(404);
  });

  it('has no metrics page when that is off', async () => {
    await using server = await setUp({ prometheusPath: undefined });
    expect(await (await fetch(server.url)).json()).toEqual({ pages: PAGES });
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
  });

  it('listens on a Unix socket too', async () => {
    await using directory = await temporaryDirectory();
    const socketPath = join(directory.path, 'debug.sock');
    await using server = await setUp({ listen: { net: 'unix', path: socketPath } });
    expect(server.url).toBe(`unix:${socketPath}`);
    const dispatcher = new Agent({ connect: { socketPath } });
    const response = await request('http://debug/debug/health', { dispatcher });
    expect([response.statusCode, await response.body.text()]).toEqual([200, '{}']);
    await dispatcher.close();
  });

  it('serves health and metrics for any Host where other machines can connect, and the rest only for an address', async () => {
    await using server = await setUp({ listen: { net: 'tcp', host: '0.0.0.0', port: 0 } });
    const origin = `http://127.0.0.1:${new URL(server.url).port}`;
    const statusOf = async (path: string, host: string) => {
      const { statusCode, body } = await request(origin + path, { headers: { host } });
      await body.dump();
      return statusCode;
    };
    for (const host of ['10.1.2.3:5001', '[fd00::7]:5001', 'layover.monitoring.svc:5001']) {
      for (const path of ['/livez', '/readyz', '/debug/health', '/metrics']) {
        expect([host, path, await statusOf(path, host)]).toEqual([host, path, path === '/readyz' ? 503 : 200]);
      }
    }
    expect(await statusOf('/debug/vars', '10.1.2.3:5001')).toBe(200);
    for (const path of ['/', '/debug/vars', '/debug/pprof/profile', '/debug/pprof/heap?snapshot=1']) {
      expect([path, await statusOf(path, 'evil.example')]).toEqual([path, 403]);
    }
    expect(await statusOf('/debug/pprof/heap?snapshot=1', '10.1.2.3:5001')).toBe(403);
  });

  it('fails to start when the port is in use', async () => {
    await using server = await setUp();
    const port = Number(new URL(server.url).port);
    await expect(setUp({ listen: { net: 'tcp', host: '127.0.0.1', port } })).rejects.toThrow('EADDRINUSE');
  });

  it('does not respond after it is closed', async () => {
    const server = await setUp();
    await (await fetch(`${server.url}/debug/health`)).text();
    await server.close();
    await expect(fetch(`${server.url}/debug/health`)).rejects.toThrow();
  });
});
