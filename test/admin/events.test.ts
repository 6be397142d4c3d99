import { describe, expect, it } from 'vitest';

import { ask, pull } from '../integration/pulling.ts';
import { cacheConfig, sharedHub, startCache } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall } from './admin-client.ts';
import { EventReader } from './event-reader.ts';

const MIB = 1024 * 1024;
const images = new Images();
const image = images.addImage('library/app', '1', { layers: [4 * MIB] });
const layer = image.layers[1] ?? '';
const hub = sharedHub(images);

const socketOf = ({ dataDirectory }: Layover) => ({ socketPath: `${dataDirectory}/layover/admin.sock` });
const open = (layover: Layover, after?: string) =>
  EventReader.open(socketOf(layover), { ...(after !== undefined && { after }) });
const VERIFY = '/v2/layover-verify/0123456789abcdef/manifests/latest';

describe('GET /events', () => {
  it('sends fills as they go on, and their end', async () => {
    await using layover = await startCache(hub());
    hub().faults.hangMidBody(2 * MIB, { on: 'cdn-get', times: 1 });
    using reader = await open(layover);
    const response = await ask(`${layover.url}/v2/library/app/blobs/${layer}`);
    await expect
      .poll(() => reader.of('fills').at(-1)?.data, { timeout: 30_000 })
      .toMatchObject({ total: 1, fills: [{ digest: layer, upstream: 'docker.io' }] });
    using late = await open(layover);
    await expect.poll(() => late.of('fills')[0]?.data, { timeout: 30_000 }).toMatchObject({ total: 1 });
    response.destroy();
    await adminCall(layover, `/fills/${layer}`, { method: 'DELETE' });
    await expect.poll(() => reader.of('fills').at(-1)?.data, { timeout: 30_000 }).toEqual({ fills: [], total: 0 });
  });

  it('sends problems and verifications, and those that were missed to one that connects again', async () => {
    await using layover = await startCache(hub());
    using reader = await open(layover);
    await expect
      .poll(
        async () => {
          await pull(`${layover.url}${VERIFY}`);
          return reader.of('verify').length;
        },
        { timeout: 30_000 },
      )
      .toBeGreaterThan(0);
    const seen = reader.events.at(-1)?.id;
    reader[Symbol.dispose]();
    await pull(`${layover.url}/v2/library/app/manifests/1?ns=unknown.example`);
    await expect
      .poll(
        async () => {
          using again = await open(layover, seen);
          await expect.poll(() => again.status).toBe(200);
          await new Promise((resolve) => setImmediate(resolve));
          return again.of('problem').map(({ data }) => data['cause']);
        },
        { timeout: 30_000 },
      )
      .toContain('unknown-registry');
    using other = await open(layover, 'x-1');
    await expect.poll(() => other.events[0]?.type, { timeout: 30_000 }).toBe('reset');
  });

  it('has fifty streams at most', async () => {
    await using layover = await startCache(hub());
    const readers = await Promise.all(Array.from({ length: 50 }, () => open(layover)));
    try {
      expect(readers.map(({ status }) => status)).toEqual(Array(50).fill(200));
      expect((await open(layover)).status).toBe(503);
      readers[0]?.[Symbol.dispose]();
      await expect
        .poll(
          async () => {
            using reader = await open(layover);
            return reader.status;
          },
          { timeout: 30_000 },
        )
        .toBe(200);
    } finally {
      for (const reader of readers) reader[Symbol.dispose]();
    }
  });

  it('of the built program with workers passes on events, and ends with the service', async () => {
    const token = 'secret-of-the-test';
    const config = { ...cacheConfig(hub(), {}), admin: { token } };
    await using layover = await Layover.startProcess({ config: { ...config, http: { workers: 2 } } });
    const { hostname, port } = new URL(layover.url);
    using reader = await EventReader.open({ hostname, port }, { authorization: `Bearer ${token}` });
    expect(reader.status).toBe(200);
    await expect
      .poll(
        async () => {
          await pull(`${layover.url}${VERIFY}`);
          return reader.of('verify').length;
        },
        { timeout: 30_000 },
      )
      .toBeGreaterThan(0);
    await layover.kill('SIGTERM');
    await expect.poll(() => reader.isEnded, { timeout: 30_000 }).toBe(true);
  });
});
