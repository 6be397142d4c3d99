import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { Layover } from '../support/layover.ts';

const TOKEN = 'of-the-operators';
const DEBUG = { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } };
/** Longest wait for something of another process. Milliseconds. */
const WAIT_MS = 15_000;

let layover: Layover;
beforeAll(async () => {
  layover = await Layover.startProcess({ config: { http: DEBUG, admin: { token: TOKEN } } });
});
afterAll(() => layover[Symbol.asyncDispose]());

const headers = { authorization: `Bearer ${TOKEN}` };
const page = (path: string, init?: RequestInit) => fetch(`${layover.debugUrl}${path}`, { headers, ...init });

describe('GET /debug/vars', () => {
  it('tells what the process uses and has done', async () => {
    await fetch(`${layover.url}/v2/`);
    const vars = await (await page('/debug/vars')).json();
    expect(vars).toMatchObject({
      cmdline: expect.arrayContaining(['serve']),
      memstats: { HeapAlloc: expect.any(Number), Sys: expect.any(Number) },
      layover: { pid: layover.pid, node: process.version, totals: { registry_http_requests_total: 1 } },
    });
    expect(vars).toHaveProperty('layover.totals.registry_http_request_duration_seconds_count', 1);
  });

  it('tells no secret of the configuration, the environment or a request, and neither does another page', async () => {
    const secret = (of: string) => `s3cret-${of}`;
    await using configured = await Layover.startProcess({
      env: { AWS_SECRET_ACCESS_KEY: secret('environment') },
      config: {
        http: { ...DEBUG, secret: secret('http') },
        redis: { addrs: ['127.0.0.1:1'], password: secret('redis') },
        admin: { token: secret('admin') },
        notifications: {
          endpoints: [
            {
              name: 'watcher',
              url: `http://127.0.0.1:1/?key=${secret('endpoint')}`,
              headers: { authorization: [secret('notification')] },
            },
          ],
        },
        tracing: { endpoint: 'http://127.0.0.1:1', headers: { authorization: [secret('tracing')] } },
        health: {
          upstreams: { interval: '20ms', probe: true },
          redis: { interval: '20ms' },
          http: [
            {
              uri: `http://me:${secret('uri')}@127.0.0.1:1/?token=${secret('query')}`,
              headers: { authorization: [secret('header')] },
              interval: '20ms',
              threshold: 1_000_000,
            },
          ],
        },
        proxy: {
          upstreams: [
            {
              name: 'docker.io',
              remoteurl: 'http://127.0.0.1:1',
              default: true,
              credentials: [{ username: 'me', password: secret('upstream') }],
            },
          ],
        },
      },
    });
    await fetch(`${configured.url}/v2/a/manifests/1?token=${secret('request')}`, {
      headers: { authorization: `Bearer ${secret('bearer')}` },
    });
    const read = async (path: string) => (await fetch(`${configured.debugUrl}${path}`)).text();
    await vi.waitFor(async () => expect(await read('/readyz')).toContain('"redis":"down","state":"failing"'), WAIT_MS);
    for (const path of ['/debug/vars', '/readyz', '/debug/health', '/metrics', '/']) {
      expect(await read(path), path).not.toContain('s3cret');
    }
  });
});

describe('GET /debug/pprof/profile', () => {
  it('is a CPU profile that developer tools can open', async () => {
    const profiling = page('/debug/pprof/profile?seconds=0.3');
    await Promise.all(Array.from({ length: 50 }, async () => (await fetch(`${layover.url}/v2/`)).text()));
    const response = await profiling;
    expect(response.status).toBe(200);
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename=layover-\d+-.*\.cpuprofile$/);
    const profile = (await response.json()) as { samples: number[]; nodes: object[]; timeDeltas: number[] };
    expect(profile.nodes.length).toBeGreaterThan(1);
    expect(profile.samples.length).toBeGreaterThan(0);
    expect(profile.timeDeltas).toHaveLength(profile.samples.length);
  });

  it.each(['0', '-1', '61', 'NaN', '1e1', '', '1&seconds=2'])('refuses to run for %s seconds', async (seconds) => {
    expect((await page(`/debug/pprof/profile?seconds=${seconds}`)).status).toBe(400);
  });

  it('is made for one at a time, and ends with whoever asked', async () => {
    const left = new AbortController();
    const long = page('/debug/pprof/profile?seconds=60', { signal: left.signal }).catch((err: Error) => err.name);
    const another = async () => (await page('/debug/pprof/heap?seconds=0.001')).status;
    await vi.waitFor(async () => expect(await another()).toBe(409), WAIT_MS);
    left.abort();
    expect(await long).toBe('AbortError');
    await vi.waitFor(async () => expect(await another()).toBe(200), WAIT_MS);
  });

  it('does not keep the process from ending', async () => {
    await using ending = await Layover.startProcess({ config: { http: DEBUG, admin: { token: TOKEN } } });
    const long = fetch(`${ending.debugUrl}/debug/pprof/profile?seconds=60`, { headers }).catch(
      (err: Error) => err.name,
    );
    const isBusy = async () => (await fetch(`${ending.debugUrl}/debug/pprof/heap?seconds=0.001`, { headers })).status;
    await vi.waitFor(async () => expect(await isBusy()).toBe(409), WAIT_MS);
    expect((await ending.kill('SIGTERM')).code).toBe(0);
    expect(await long).toBe('TypeError');
  });

  it('is not to be had from the address that clients use', async () => {
    for (const path of ['/debug/vars', '/debug/pprof/profile', '/debug/pprof/heap']) {
      expect((await fetch(`${layover.url}${path}?seconds=0.01`)).status, path).toBe(404);
    }
  });
});

describe('GET /debug/pprof/heap', () => {
  it('is a sampling heap profile', async () => {
    const response = await page('/debug/pprof/heap?seconds=0.1');
    expect(response.headers.get('content-disposition')).toContain('.heapprofile');
    expect(await response.json()).toMatchObject({ head: { callFrame: { functionName: '(root)' } } });
  });

  it('is a snapshot of the whole heap for whoever asks for that', async () => {
    const response = await page('/debug/pprof/heap?snapshot=1');
    expect(response.headers.get('content-disposition')).toContain('.heapsnapshot');
    const { snapshot, nodes } = (await response.json()) as { snapshot: { node_count: number }; nodes: number[] };
    expect(snapshot.node_count).toBeGreaterThan(1000);
    expect(nodes.length).toBeGreaterThan(snapshot.node_count);
  });
});

it('the event loop and garbage collection are among the metrics', async () => {
  const text = await (await page('/metrics')).text();
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'nodejs_gc_duration_seconds_count']) {
    expect(text).toMatch(new RegExp(`^${name}\\b`, 'm'));
  }
});
