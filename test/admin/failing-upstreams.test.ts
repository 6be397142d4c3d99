import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { cacheCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { startReady, untilReady } from './ready.ts';

const images = new Images();
images.addImage('library/app', '1');
const hub = sharedHub(images);

type Respond = Parameters<typeof startServer>[0];

const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const pullTag = ({ url }: Layover, name = 'app') => pull(`${url}/v2/example/${name}/manifests/1`);

/** A server that is not, or not yet, a registry that serves content, and a cache in front of it. */
async function startBehind(respond: Respond, path = '') {
  const server = await startServer(respond);
  const upstream = { name: 'example.com', remoteurl: `${server.url}${path}`, default: true };
  const layover = await Layover.start({ config: { proxy: { upstreams: [upstream] } } });
  await untilReady(layover);
  return {
    layover,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const json = (status: number, code: string, headers: Record<string, string> = {}): Respond => {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
  return (_req, res) => void res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
};
const page =
  (status: number, type = 'text/html'): Respond =>
  (_req, res) =>
    void res.writeHead(status, { 'content-type': type }).end('<p>something else</p>');
const challenge = { 'www-authenticate': 'Basic realm="private"' };

describe('an upstream at which every pull fails', () => {
  it.each<[string, Respond, number, string]>([
    ['expects TLS', page(400), 502, 'protocol'],
    ['has another path', page(404, 'text/plain'), 404, 'protocol'],
    ['is a web site', page(200), 502, 'protocol'],
    ['fails', page(500), 502, 'server'],
  ])('and that %s makes the verdict degraded, and is a problem', async (_, respond, status, cause) => {
    await using scene = await startBehind(respond);
    const { layover } = scene;
    expect(await pullTag(layover)).toMatchObject({ status });
    expect(await control(layover).status()).toMatchObject({
      verdict: 'degraded',
      text: `The last requests all failed at example.com (${cause}); cached content is served.`,
      upstreams: [{ name: 'example.com', failing: cause }],
    });
    const problems = await control(layover).problems();
    expect(problems).toMatchObject([{ cause, upstream: 'example.com', count: expect.any(Number) as number }]);
    const { code, stdout } = await cacheCommand(layover, 'status');
    expect(code).toBe(2);
    expect(stdout).toContain(`example.com: all of the last requests failed (${cause})`);
  });

  it('is not made of a missing name at a registry', async () => {
    await using scene = await startBehind(json(404, 'NAME_UNKNOWN'));
    expect(await pullTag(scene.layover)).toMatchObject({ status: 404 });
    expect(await control(scene.layover).problems()).toEqual([]);
    expect((await control(scene.layover).status()).verdict).toBe('working');
  });

  it('is over with the first request that succeeds, and one accident later is not another', async () => {
    await using layover = await startReady(hub());
    const manifest = (tag: string) => pull(`${layover.url}/v2/library/app/manifests/${tag}`);
    const failing = async () => (await control(layover).status()).upstreams[0]?.failing;
    hub().faults.fail(undefined, { status: 400 });
    await manifest('1');
    expect(await failing()).toBe('protocol');
    hub().faults.clear();
    expect(await manifest('1')).toMatchObject({ status: 200 });
    expect(await failing()).toBeUndefined();
    hub().faults.fail(undefined, { status: 400 });
    await manifest('other-1');
    expect(await failing()).toBeUndefined();
    await manifest('other-2');
    await manifest('other-3');
    expect(await failing()).toBe('protocol');
  });
});

describe('a refusal', () => {
  it('by an upstream that requires credentials is a problem of the upstream, not of the rules of the cache', async () => {
    await using scene = await startBehind(json(401, 'UNAUTHORIZED', challenge));
    const { layover } = scene;
    expect(await pullTag(layover)).toMatchObject({ status: 403 });
    expect(await control(layover).problems()).toMatchObject([
      {
        cause: 'unauthorized',
        upstream: 'example.com',
        subject: 'example/app',
        todo: expect.stringContaining('credentials') as string,
      },
    ]);
    expect(await control(layover).status()).toMatchObject({
      verdict: 'degraded',
      upstreams: [{ failing: 'unauthorized' }],
    });
  });

  it('of a name that clients invent does not degrade a working upstream', async () => {
    await using layover = await startReady(hub());
    await pull(`${layover.url}/v2/library/app/manifests/1`);
    hub().faults.fail(undefined, { status: 401 });
    for (let i = 0; i < 5; i++) await pull(`${layover.url}/v2/library/none-${i}/manifests/1`);
    expect((await control(layover).status()).verdict).toBe('working');
  });

  it('by policy.deny or a recall leads to the policy', async () => {
    const policy = { deny: { names: ['docker.io/evil/*'] } };
    await using layover = await Layover.start({ config: { ...cacheConfig(hub(), {}), policy } });
    await untilReady(layover);
    expect(await pull(`${layover.url}/v2/evil/app/manifests/1`)).toMatchObject({ status: 403 });
    expect(await control(layover).problems()).toMatchObject([
      {
        cause: 'denied-by-policy',
        todo: expect.stringContaining('layover recall --list') as string,
        docs: 'docs/policy.md#what-a-refusal-covers',
      },
    ]);
  });
});

describe('a probe', () => {
  it('is sent by the command of the documentation', async () => {
    await using scene = await startBehind(json(401, 'UNAUTHORIZED', challenge));
    const documentation = await readFile(new URL('../../docs/admin-api.md', import.meta.url), 'utf8');
    const [, command = ''] = /```sh\n(curl [^`]*probe)\n```/.exec(documentation) ?? [];
    const socket = `${scene.layover.dataDirectory}/layover/admin.sock`;
    const here = command.replace(/\S+admin\.sock/, socket).replace('docker.io', 'example.com');
    const { stdout } = await promisify(execFile)('sh', ['-c', here]);
    expect(JSON.parse(stdout)).toMatchObject({ endpoints: [{ ok: true }] });
  });

  it.each<[string, Respond, boolean]>([
    ['a 401 with a challenge', json(401, 'UNAUTHORIZED', challenge), true],
    ['a 401 of a proxy', page(401), false],
    ['200', json(200, 'none'), true],
    ['an empty 200', (_req, res) => void res.writeHead(200, { 'content-length': 0 }).end(), true],
    ['a web page', page(200), false],
    ['400', page(400), false],
    ['404', json(404, 'NOT_FOUND'), false],
    ['500', page(500), false],
  ])('of a host that responds with %s', async (_, respond, ok) => {
    await using scene = await startBehind(respond);
    expect((await control(scene.layover).probeUpstream('example.com')).endpoints).toMatchObject([{ ok }]);
  });
});
