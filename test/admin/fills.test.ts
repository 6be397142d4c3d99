import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { ask, finish, pull, readSome } from '../integration/pulling.ts';
import { sharedHub, startCache } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';

const MIB = 1024 * 1024;
const images = new Images();
const image = images.addImage('library/app', '1', { layers: [8 * MIB] });
const layer = image.layers[1] ?? '';
const hub = sharedHub(images);

const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const urlOf = ({ url }: Layover) => `${url}/v2/library/app/blobs/${layer}`;

describe('GET /fills', () => {
  it('shows a fill with its clients and bytes, until it has ended', async () => {
    await using layover = await startCache(hub());
    hub().faults.hangMidBody(3 * MIB, { on: 'cdn-get' });
    expect(await control(layover).fills()).toEqual({ fills: [], total: 0 });
    const response = await ask(urlOf(layover));
    await expect.poll(async () => (await control(layover).fills()).fills[0]?.written).toBeGreaterThan(MIB);
    const { fills, total } = await control(layover).fills();
    expect(total).toBe(1);
    expect(fills).toMatchObject([
      {
        digest: layer,
        upstream: 'docker.io',
        repositories: ['docker.io/library/app'],
        state: 'running',
        size: 8 * MIB,
        waiters: 1,
      },
    ]);
    expect(Date.parse(fills[0]?.startedAt ?? '')).toBeLessThanOrEqual(Date.now());
    response.destroy();
    await expect.poll(async () => (await control(layover).fills()).fills[0]?.waiters).toBe(0);
  });
});

describe('DELETE /fills/<digest>', () => {
  it('cuts the clients off, keeps the bytes, and the next pull resumes after them', async () => {
    await using layover = await startCache(hub());
    hub().faults.hangMidBody(3 * MIB, { on: 'cdn-get', times: 1 });
    const response = await ask(urlOf(layover));
    await readSome(response, MIB);
    await expect.poll(async () => (await control(layover).fills()).fills[0]?.written).toBeGreaterThan(MIB);
    expect(await control(layover).cancelFill(layer)).toEqual({ cancelled: 1 });
    expect((await finish(response)).complete).toBe(false);
    await expect.poll(() => control(layover).fills()).toEqual({ fills: [], total: 0 });
    expect(await layover.visibleBlobs()).toEqual([]);
    expect(await layover.spools()).toHaveLength(1);

    expect(await pull(urlOf(layover))).toMatchObject({ status: 200, size: 8 * MIB, digest: layer, complete: true });
    await layover.settled();
    expect((await layover.visibleBlobs()).every(({ intact }) => intact)).toBe(true);
    expect(layover.output).toContain('fill resumed');
  });

  it('gives clients that wait for headers the error of a failed upstream', async () => {
    await using layover = await startCache(hub());
    hub().faults.hang({ on: 'cdn-get', times: 1 });
    const response = pull(urlOf(layover));
    await expect.poll(async () => (await control(layover).fills()).fills[0]?.state).toBe('running');
    await expect.poll(() => hub().requests.counts()['cdn-get']).toBe(1);
    await control(layover).cancelFill(layer);
    expect((await response).status).toBe(502);
  });

  it('refuses what has no fill, and what is not a digest', async () => {
    await using layover = await startCache(hub());
    await expect(control(layover).cancelFill(layer)).rejects.toMatchObject({ reason: 'not-found' });
    await expect(control(layover).cancelFill('../x')).rejects.toMatchObject({ reason: 'invalid' });
  });
});
