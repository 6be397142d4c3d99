import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import type { ClientDetail } from '../../src/operations/activity-control.ts';
import { pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';

const images = new Images();
images.addImage('library/app', '1');
const hub = sharedHub(images);

const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const start = (clients?: ClientDetail) =>
  Layover.start({ config: { ...cacheConfig(hub(), {}), ...(clients && { admin: { clients } }) } });
const manifest = '/v2/library/app/manifests/1';

async function pullAll({ url }: Layover): Promise<void> {
  await pull(`${url}/v2/`, { headers: { 'user-agent': 'containerd/2' } });
  await pull(`${url}${manifest}`);
  await pull(`${url}${manifest}?ns=docker.io`);
  await pull(`${url}/v2/docker.io/library/app/manifests/1`);
  await pull(`${url}${manifest}`, { headers: { host: 'docker.io' } });
  await pull(`${url}/v2/library/app/manifests/2`);
}

describe('GET /requests', () => {
  it('has the last requests, with how clients named the registry and what the cache did', async () => {
    await using layover = await start();
    await pullAll(layover);
    const { requests, cursor } = await control(layover).requests({});
    expect(cursor).toBeUndefined();
    expect(requests.map(({ namedBy, status }) => [namedBy, status])).toEqual([
      ['default', 404],
      ['host', 200],
      ['prefix', 200],
      ['ns', 200],
      ['default', 200],
      [undefined, 200],
    ]);
    expect(requests[0]).toMatchObject({
      client: '127.0.0.1',
      method: 'GET',
      endpoint: 'manifest',
      repository: 'library/app',
      reference: '2',
      upstream: 'docker.io',
      error: { code: 'MANIFEST_UNKNOWN' },
      aborted: false,
    });
    expect(requests[2]).toMatchObject({ repository: 'docker.io/library/app', outcome: 'hit' });
    expect(requests[5]).toMatchObject({ endpoint: 'ping', agent: 'containerd/2' });
    expect(Date.parse(requests[0]?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(requests[5]?.at ?? ''));
  });

  it('comes in pages, of one client, or of what failed', async () => {
    await using layover = await start();
    await pullAll(layover);
    const first = await control(layover).requests({ limit: 4 });
    expect(first.requests).toHaveLength(4);
    const second = await control(layover).requests({ limit: 4, cursor: first.cursor });
    expect([second.requests.length, second.cursor]).toEqual([2, undefined]);
    expect((await control(layover).requests({ only: 'failed' })).requests).toMatchObject([{ status: 404 }]);
    expect((await control(layover).requests({ client: '127.0.0.1' })).requests).toHaveLength(6);
    expect((await control(layover).requests({ client: '10.0.0.1' })).requests).toEqual([]);
    await expect(control(layover).requests({ cursor: '-1' })).rejects.toMatchObject({ reason: 'invalid' });
  });
});

describe('GET /clients', () => {
  it('counts what each client did', async () => {
    await using layover = await start();
    await pullAll(layover);
    expect(await control(layover).clients()).toMatchObject({
      detail: 'full',
      clients: [
        {
          client: '127.0.0.1',
          isUser: false,
          namedBy: { default: 2, ns: 1, prefix: 1, host: 1 },
          requests: 6,
          pings: 1,
          pulls: 4,
          hits: 3,
          errors: 1,
        },
      ],
    });
  });

  it('shows hashes instead of addresses, by which requests are found', async () => {
    await using layover = await start('hashed');
    await pullAll(layover);
    const { clients, detail } = await control(layover).clients();
    expect(detail).toBe('hashed');
    expect(clients[0]?.client).toMatch(/^[0-9a-f]{16}$/);
    expect((await control(layover).requests({ client: clients[0]?.client })).requests).toHaveLength(6);
    expect(JSON.stringify(await control(layover).requests({}))).not.toContain('127.0.0.1');
  });

  it('shows no clients when they are off', async () => {
    await using layover = await start('off');
    await pullAll(layover);
    expect(await control(layover).clients()).toEqual({ clients: [], detail: 'off' });
    const { requests } = await control(layover).requests({});
    expect(requests).toHaveLength(6);
    expect(JSON.stringify(requests)).not.toMatch(/127\.0\.0\.1|containerd/);
  });
});
