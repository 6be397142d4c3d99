import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { generate } from 'selfsigned';
import { describe, expect, it, vi } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { freePort, RunningProcess } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DEBUG = { debug: { addr: '127.0.0.1:0' } };
const OFTEN = { interval: '20ms' };
/** Longest wait for a check to notice. Milliseconds. */
const WAIT_MS = 15_000;

async function get(url: string): Promise<[status: number, body: unknown]> {
  const response = await fetch(url);
  const text = await response.text();
  return [response.status, text === '' ? undefined : JSON.parse(text)];
}

const statusOf = async (url: string) => (await get(url))[0];

describe('readiness', () => {
  it('is told beside liveness, on both addresses, with every check on the debug server alone', async () => {
    await using layover = await Layover.start({ config: { http: DEBUG } });
    for (const url of [layover.url, layover.debugUrl])
      expect(await get(`${url}/livez`)).toEqual([200, { status: 'alive' }]);
    await expect.poll(() => get(`${layover.url}/readyz`)).toEqual([200, { status: 'ready' }]);
    const storage = { state: 'passing', consequence: 'unready', writable: true, checkedAt: expect.any(String) };
    expect(await get(`${layover.debugUrl}/readyz`)).toEqual([
      200,
      { status: 'ready', checks: { storagedriver_filesystem: storage } },
    ]);
  });

  it('ends with SIGTERM at once, while requests are served for as long as http.draindelay says', async () => {
    await using layover = await Layover.startProcess({ config: { http: { ...DEBUG, draindelay: '1h' } } });
    process.kill(layover.pid, 'SIGTERM');
    await layover.waitForOutput(/draining/);
    for (const url of [layover.url, layover.debugUrl]) {
      expect(await get(`${url}/readyz`)).toMatchObject([503, { status: 'draining' }]);
      expect(await statusOf(`${url}/livez`)).toBe(200);
    }
    const response = await fetch(`${layover.url}/v2/`);
    expect([response.status, response.headers.get('connection')]).toEqual([200, 'close']);
    expect(await statusOf(`${layover.debugUrl}/debug/health`)).toBe(200);
    const check = await healthcheck(layover.url);
    expect([check.code, check.stdout]).toEqual([1, `${layover.url}/readyz responded with 503\n`]);
    expect((await layover.kill('SIGTERM')).code).toBe(1);
  });

  it('is followed by the end when the delay is over', async () => {
    await using layover = await Layover.startProcess({ config: { http: { draindelay: '50ms' } } });
    expect((await layover.kill('SIGTERM')).code).toBe(0);
  });

  it.each([
    ['is lost with the storage, while requests are still tried', false, 200],
    ['is lost with the storage, and so is health where that is checked', true, 503],
  ])('%s', async (_title, enabled, status) => {
    await using layover = await Layover.start({ config: { health: { storagedriver: { ...OFTEN, enabled } } } });
    await rename(layover.dataDirectory, `${layover.dataDirectory}.gone`);
    await writeFile(layover.dataDirectory, 'no directory');
    await vi.waitFor(async () => {
      expect(await get(`${layover.url}/readyz`)).toEqual([503, { status: 'failing' }]);
    }, WAIT_MS);
    // Each is looked after by a timer of its own.
    await vi.waitFor(async () => expect(await statusOf(`${layover.url}/v2/`)).toBe(status), WAIT_MS);
    expect(await statusOf(`${layover.url}/livez`)).toBe(200);
    await rm(layover.dataDirectory);
    await rename(`${layover.dataDirectory}.gone`, layover.dataDirectory);
    await vi.waitFor(async () => expect(await statusOf(`${layover.url}/readyz`)).toBe(200), WAIT_MS);
  });

  it('is not lost with Redis, unless it is to be', async () => {
    await using redis = await RedisServer.start();
    const config = (fatal: boolean) => ({
      http: DEBUG,
      redis: { addrs: [redis.address] },
      health: { redis: { ...OFTEN, fatal } },
    });
    await using told = await Layover.start({ config: config(false) });
    await using fatal = await Layover.start({ config: config(true) });
    const redisOf = async ({ debugUrl }: Layover) => {
      const [, body] = await get(`${debugUrl}/readyz`);
      return (body as { checks: { redis: object } }).checks.redis;
    };
    for (const each of [told, fatal]) {
      await vi.waitFor(
        async () => expect(await redisOf(each)).toMatchObject({ state: 'passing', redis: 'up' }),
        WAIT_MS,
      );
    }
    await redis.kill();
    await vi.waitFor(
      async () => expect(await redisOf(told)).toMatchObject({ state: 'failing', reason: 'no response' }),
      WAIT_MS,
    );
    expect([await statusOf(`${told.url}/readyz`), await statusOf(`${told.url}/v2/`)]).toEqual([200, 200]);
    expect(await get(`${told.debugUrl}/debug/health`)).toEqual([200, { redis: 'no response' }]);

    await vi.waitFor(async () => expect(await statusOf(`${fatal.url}/readyz`)).toBe(503), WAIT_MS);
    expect(await statusOf(`${fatal.url}/v2/`)).toBe(503);
    expect(await get(`${fatal.debugUrl}/debug/health`)).toEqual([503, { redis: 'no response' }]);
    await redis.launch();
    await vi.waitFor(async () => expect(await statusOf(`${fatal.url}/v2/`)).toBe(200), WAIT_MS);
  });

  it('is not lost with an upstream, of which it tells what pulls have met, and asks it nothing', async () => {
    await using hub = await Hub.start(new Images());
    await using layover = await Layover.start({
      config: {
        http: DEBUG,
        proxy: { upstreams: [dockerHubUpstream(hub)] },
        health: { upstreams: OFTEN },
      },
    });
    const report = async () => ((await get(`${layover.debugUrl}/readyz`))[1] as Checks).checks['upstream_docker.io'];
    await vi.waitFor(
      async () => expect(await report()).toMatchObject({ state: 'passing', breaker: 'closed' }),
      WAIT_MS,
    );
    expect(hub.requests.counts()).toEqual({});
    await hub.stop();
    await vi.waitFor(async () => {
      await fetch(`${layover.url}/v2/library/app/manifests/1`);
      expect(await report()).toMatchObject({ state: 'failing', consequence: 'reported', breaker: 'open' });
    }, WAIT_MS);
    expect([await statusOf(`${layover.url}/readyz`), await statusOf(`${layover.url}/v2/`)]).toEqual([200, 200]);
  });

  it('hangs on an upstream that is probed and fatal, and comes back with it', async () => {
    await using hub = await Hub.start(new Images());
    await using layover = await Layover.start({
      config: {
        proxy: { upstreams: [dockerHubUpstream(hub)] },
        health: { upstreams: { ...OFTEN, probe: true, fatal: true } },
      },
    });
    await vi.waitFor(() => expect(hub.requests.count('unauthorized')).toBeGreaterThan(1), WAIT_MS);
    expect(hub.requests.lines().every((line) => / \/v2\/( |$)/.test(line))).toBe(true);
    await expect.poll(() => statusOf(`${layover.url}/readyz`)).toBe(200);
    const hold = hub.faults.fail(undefined, { status: 500 });
    await vi.waitFor(async () => expect(await statusOf(`${layover.url}/v2/`)).toBe(503), WAIT_MS);
    hold();
    await vi.waitFor(async () => expect(await statusOf(`${layover.url}/readyz`)).toBe(200), WAIT_MS);
  });
});

interface Checks {
  readonly checks: Readonly<Record<string, object>>;
}

describe('layover healthcheck', () => {
  it('finds the service by its configuration, and says by its exit code whether it is ready', async () => {
    const port = await freePort();
    await using layover = await Layover.startProcess({ config: { http: { addr: `127.0.0.1:${port}` } } });
    await expect.poll(() => statusOf(`${layover.url}/readyz`)).toBe(200);
    const check = await healthcheck(layover.url);
    expect([check.code, check.stdout]).toEqual([0, `http://127.0.0.1:${port}/readyz responded with 200\n`]);
    await layover.kill();
    const gone = await healthcheck(layover.url);
    expect([gone.code, gone.stdout]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
  });

  it('asks by a socket of the file system where the service listens on one', async () => {
    await using directory = await temporaryDirectory();
    const socket = join(directory.path, 'layover.sock');
    const env = {
      ...programEnvironment(),
      REGISTRY_HTTP_NET: 'unix',
      REGISTRY_HTTP_ADDR: socket,
      REGISTRY_STORAGE: 'inmemory',
    };
    await using service = await RunningProcess.start(process.execPath, [LAYOVER_MAIN, 'serve'], { env });
    await service.waitForOutput(/listening on unix:/);
    expect(await run(['healthcheck'], env)).toEqual({ code: 0, stdout: `${socket} responded with 200\n` });
  });

  it('takes any certificate, as that is for another name', async () => {
    const pair = await generate([{ name: 'commonName', value: 'registry.example.com' }], { keySize: 2048 });
    const server = createServer({ key: pair.private, cert: pair.cert }, (_req, res) => res.end()).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const check = await healthcheck('http://127.0.0.1:1', '--url', url);
    server.close();
    expect([check.code, check.stdout]).toEqual([0, `${url} responded with 200\n`]);
  });

  it('asks the page it is given', async () => {
    await using layover = await Layover.start();
    const check = await healthcheck('http://127.0.0.1:1', '--url', `${layover.url}/livez`);
    expect([check.code, check.stdout]).toEqual([0, `${layover.url}/livez responded with 200\n`]);
  });
});

/** Without arguments by the configuration, which leads to the address. */
function healthcheck(url: string, ...args: string[]) {
  return run(['healthcheck', ...args], { ...programEnvironment(), REGISTRY_HTTP_ADDR: new URL(url).host });
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  await using program = await RunningProcess.start(process.execPath, [LAYOVER_MAIN, ...args], { env });
  const { code } = await program.exited;
  return { code, stdout: program.stdout };
}
