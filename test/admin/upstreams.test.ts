import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { sharedHub } from '../integration/scene.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { startReady } from './ready.ts';

const images = new Images();
const image = images.addImage('library/app', '1');
images.addImage('library/other', '1');
const hub = sharedHub(images);

const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const pullTag = (layover: Layover, repository = 'library/app') =>
  fetch(`${layover.url}/v2/${repository}/manifests/1`).then(async (response) => {
    await response.arrayBuffer();
    return response;
  });
const MINUTE_MS = 60_000;

describe('GET /upstreams', () => {
  it('shows the budget of each account, and when a host last responded', async () => {
    const clock = new FakeClock();
    await using layover = await startReady(hub(), { clock });
    await pullTag(layover);
    const [upstream, ...more] = await control(layover).upstreams();
    expect(more).toEqual([]);
    expect(upstream).toMatchObject({
      name: 'docker.io',
      remote: hub().url,
      endpoints: [{ isMirror: false, breaker: 'closed', lastOkAt: new Date(clock.now()).toISOString() }],
      budget: [{ account: 'anonymous', limit: 100, left: 99, credentials: ['anonymous'] }],
    });
    expect(upstream?.endpoints[0]).not.toHaveProperty('lastError');
    expect(upstream).not.toHaveProperty('offlineUntil');
  });

  it('shows why a host is not called, and until when', async () => {
    const clock = new FakeClock();
    await using layover = await startReady(hub(), { clock, upstream: { mirrors: ['http://127.0.0.1:9/'] } });
    await hub().stop();
    for (let i = 0; i < 3; i++)
      await clock.advanceUntil(fetch(`${layover.url}/v2/library/app/manifests/${image.digest}`));
    const endpoints = (await control(layover).upstreams())[0]?.endpoints;
    const failed = { breaker: 'open', reason: expect.stringContaining('network') as string };
    expect(endpoints).toMatchObject([
      { isMirror: false, ...failed, lastError: { kind: 'network' }, retryAt: expect.any(String) as string },
      { isMirror: true, host: '127.0.0.1:9', ...failed },
    ]);
  });
});

describe('an operator', () => {
  it('probes a host that is not called, which closes its breaker', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await fetch(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    expect((await control(layover).probeUpstream('docker.io')).endpoints).toMatchObject([
      { ok: false, error: expect.stringContaining('docker.io') as string },
    ]);
    await hub().resume();
    expect((await control(layover).probeUpstream('docker.io')).endpoints).toMatchObject([{ ok: true }]);
    expect(await control(layover).upstreams()).toMatchObject([{ endpoints: [{ breaker: 'closed' }] }]);
    expect((await pullTag(layover)).status).toBe(200);
  });

  it('resets a breaker, and the next pull calls the host', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await fetch(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    await hub().resume();
    expect(await control(layover).resetUpstream('docker.io')).toMatchObject({ endpoints: [{ breaker: 'closed' }] });
    expect((await pullTag(layover)).status).toBe(200);
  });

  it('takes an upstream offline for a time: cached tags are stale, others are unavailable, and no request is sent', async () => {
    const clock = new FakeClock();
    await using layover = await startReady(hub(), { clock, upstream: { tags: { ttl: '1m' } } });
    await pullTag(layover);
    await layover.settled();
    const until = new Date(clock.now() + 10 * MINUTE_MS).toISOString();
    expect(await control(layover).setUpstreamOffline('docker.io', 10 * MINUTE_MS)).toMatchObject({
      offlineUntil: until,
    });
    await clock.advance(2 * MINUTE_MS);
    hub().requests.reset();
    const stale = await pullTag(layover);
    expect([stale.status, stale.headers.get('x-cache')]).toEqual([200, 'STALE']);
    const missing = await pullTag(layover, 'library/other');
    expect([missing.status, missing.headers.get('retry-after')]).toEqual([503, '480']);
    expect(hub().requests.counts()).toEqual({});
    expect(await control(layover).status()).toMatchObject({
      verdict: 'offline',
      upstreams: [{ breaker: 'closed', offlineUntil: until }],
    });
    await clock.advance(8 * MINUTE_MS);
    expect((await pullTag(layover, 'library/other')).status).toBe(200);
    expect((await control(layover).status()).verdict).toBe('working');
  });

  it('ends that before its time', async () => {
    await using layover = await startReady(hub());
    await control(layover).setUpstreamOffline('docker.io', MINUTE_MS);
    expect((await pullTag(layover)).status).toBe(503);
    expect(await control(layover).setUpstreamOffline('docker.io', 0)).not.toHaveProperty('offlineUntil');
    expect((await pullTag(layover)).status).toBe(200);
  });

  it.each([-1, 31 * 24 * 60 * MINUTE_MS, '1h', null])('cannot take it offline for %j', async (forMs) => {
    await using layover = await startReady(hub());
    const offline = control(layover).setUpstreamOffline('docker.io', forMs as number);
    await expect(offline).rejects.toMatchObject({ reason: 'invalid' });
  });

  it('gets the names when there is no such upstream', async () => {
    await using layover = await startReady(hub());
    await expect(control(layover).probeUpstream('a/../b')).rejects.toMatchObject({
      reason: 'not-found',
      message: 'there is no upstream a/../b; configured: docker.io',
    });
  });
});
