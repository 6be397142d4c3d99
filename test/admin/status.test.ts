import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { startReady, untilReady } from './ready.ts';

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [100_000] });
const layer = image.layers[1] ?? '';
const hub = sharedHub(images);

const HOUR_MS = 3_600_000;
const control = ({ dataDirectory }: Layover) => new RemoteControl({ url: `unix:${dataDirectory}/layover/admin.sock` });
const pullLayer = async (layover: Layover) => {
  await pull(`${layover.url}/v2/library/app/blobs/${layer}`);
  await layover.settled();
};

describe('GET /status', () => {
  it('is idle before the first request, and then has ratio and saved bytes', async () => {
    const clock = new FakeClock();
    await using layover = await startReady(hub(), { clock });
    const idle = await control(layover).status();
    expect(idle).toMatchObject({
      verdict: 'idle',
      ratio: {},
      saved: { d1: 0, sinceInstall: 0 },
      fills: { running: 0, waiters: 0 },
      upstreams: [{ name: 'docker.io', breaker: 'closed' }],
    });
    expect(idle.startedAt).toBe(new Date(clock.now()).toISOString());
    for (let i = 0; i < 4; i++) await pullLayer(layover);
    const working = await control(layover).status();
    expect(working).toMatchObject({
      verdict: 'working',
      text: "Working: 75 % of the last hour's pulls were cached.",
      ratio: { h1: 0.75, d1: 0.75 },
      saved: { d1: 300_000, sinceInstall: 300_000 },
    });
    expect(working.disk.used).toBeGreaterThanOrEqual(100_000);
    expect(working.disk.free).toBeGreaterThan(0);
    await clock.advance(2 * HOUR_MS);
    expect(await control(layover).status()).toMatchObject({ verdict: 'idle', ratio: { d1: 0.75 } });
  });

  it('keeps what was saved over a restart', async () => {
    await using layover = await startReady(hub());
    await pullLayer(layover);
    await pullLayer(layover);
    const { saved } = await control(layover).status();
    expect(saved).toMatchObject({ d1: 100_000, sinceInstall: 100_000 });
    await layover.restart();
    await untilReady(layover);
    const after = await control(layover).status();
    expect(after.saved).toMatchObject({ d1: 0, sinceInstall: 100_000 });
    expect(Date.parse(after.saved.since ?? '')).toBeLessThanOrEqual(Date.now());
    await pullLayer(layover);
    expect((await control(layover).status()).saved).toMatchObject({ d1: 100_000, sinceInstall: 200_000 });
  });

  it('names an upstream that does not respond, and since when', async () => {
    await using layover = await startReady(hub());
    await hub().stop();
    for (let i = 0; i < 3; i++) await fetch(`${layover.url}/v2/library/app/manifests/${image.digest}`);
    const { verdict, text, upstreams } = await control(layover).status();
    expect(verdict).toBe('offline');
    expect(text).toMatch(/^docker\.io does not respond since .* UTC; cached content is served\.$/);
    expect(upstreams).toMatchObject([{ name: 'docker.io', breaker: 'open' }]);
  });

  it('is that of a registry without upstreams', async () => {
    await using layover = await Layover.start({ config: {} });
    await untilReady(layover);
    await fetch(`${layover.url}/v2/`);
    expect(await control(layover).status()).toMatchObject({
      verdict: 'working',
      text: 'Working, as a registry without upstreams.',
      upstreams: [],
    });
  });
});

describe('GET /history', () => {
  it('has what was counted in each step, and levels', async () => {
    const clock = new FakeClock();
    await using layover = await startReady(hub(), { clock });
    await pullLayer(layover);
    await control(layover).status();
    await clock.advance(20_000);
    await pullLayer(layover);
    const { stepSeconds, series, from } = await control(layover).history('1h');
    expect(stepSeconds).toBe(10);
    expect(new Date(from).getTime()).toBeLessThanOrEqual(clock.now() - 20_000);
    expect(series['misses']).toEqual([1, null, 0]);
    expect(series['hits']).toEqual([0, null, 1]);
    expect(series['clientBytes']).toEqual([100_000, null, 100_000]);
    expect(series['fillsRunning']?.at(-1)).toBe(0);
    expect((await control(layover).history('90d')).series['requests']).toEqual([2]);
  });

  it('refuses a range that does not exist', async () => {
    await using layover = await startReady(hub());
    await expect(control(layover).history('2y' as '1h')).rejects.toMatchObject({
      reason: 'invalid',
      message: 'range must be one of 1h, 24h, 90d',
    });
  });
});
