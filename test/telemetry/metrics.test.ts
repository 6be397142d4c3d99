import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../src/telemetry/metrics.ts';
import { VERSION } from '../../src/version.ts';
import { samplesOf } from './metric-samples.ts';

describe('metrics', () => {
  it('has the proxy counters of both types at 0 from the start', async () => {
    const samples = await samplesOf(createMetrics());
    for (const what of ['requests', 'hits', 'misses', 'pulled_bytes', 'pushed_bytes']) {
      for (const type of ['blob', 'manifest']) {
        expect(samples.get(`registry_proxy_${what}_total{type="${type}"}`)).toBe(0);
      }
    }
  });

  it('has the metrics without labels at 0 from the start', async () => {
    const samples = await samplesOf(createMetrics());
    for (const name of ['layover_fills_in_flight', 'layover_fill_waiters', 'layover_spool_bytes']) {
      expect(samples.get(name)).toBe(0);
    }
    expect(samples.get('layover_storage_full_total')).toBe(0);
    expect(samples.get('registry_auth_blocked_total')).toBe(0);
  });

  it('has neither Redis nor a leader before there is one, because 0 is an alert', async () => {
    const names = [...(await samplesOf(createMetrics())).keys()];
    expect(names.filter((name) => /redis_up|housekeeping_leader/.test(name))).toEqual([]);
  });

  it('has the version', async () => {
    expect((await samplesOf(createMetrics())).get(`layover_build_info{version="${VERSION}"}`)).toBe(1);
  });

  it('names no gauge like a counter, but for the one of distribution', async () => {
    const { text } = await createMetrics().render();
    expect(text.match(/(?<=^# TYPE )\w+_total(?= gauge$)/gm)).toEqual(['registry_notifications_pending_total']);
  });

  it('reads measured gauges when it is scraped, without those that fail, hang or have no value', async () => {
    const metrics = createMetrics();
    let free = 1;
    metrics.diskFree.measure(async () => free, 'storage');
    metrics.diskFree.measure(() => undefined, 'absent');
    metrics.diskFree.measure(() => new Promise(() => {}), 'hanging');
    metrics.diskFree.measure(() => Promise.reject(new Error('no such directory')), 'failed');
    metrics.diskFree.measure(() => {
      throw new Error('no such directory');
    }, 'thrown');
    free = 2;
    const samples = [...(await samplesOf(metrics))].filter(([name]) => name.startsWith('layover_disk_free'));
    expect(samples).toEqual([['layover_disk_free_bytes{directory="storage"}', 2]]);
  });

  it('includes metrics of the process', async () => {
    const samples = await samplesOf(createMetrics());
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('counts separately in two sets of metrics', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.storageFull.value++;
    expect((await samplesOf(one)).get('layover_storage_full_total')).toBe(1);
    expect((await samplesOf(other)).get('layover_storage_full_total')).toBe(0);
  });

  it('puts observations into cumulative buckets, bounds included, with sum and count', async () => {
    const metrics = createMetrics();
    const cell = metrics.storageAction.at('filesystem', 'Stat');
    for (const seconds of [0.001, 0.005, 0.006, 60, 61]) cell.observe(seconds);
    const samples = await samplesOf(metrics);
    const bucket = (le: string) =>
      samples.get(`registry_storage_action_seconds_bucket{action="Stat",driver="filesystem",le="${le}"}`);
    expect([bucket('0.005'), bucket('0.01'), bucket('25'), bucket('60'), bucket('+Inf')]).toEqual([2, 3, 3, 4, 5]);
    expect(samples.get('registry_storage_action_seconds_count{action="Stat",driver="filesystem"}')).toBe(5);
    expect(samples.get('registry_storage_action_seconds_sum{action="Stat",driver="filesystem"}')).toBeCloseTo(121.012);
  });

  it('escapes label values', async () => {
    const metrics = createMetrics();
    metrics.fills.at('a"b\\c\nd', 'started').value++;
    expect((await samplesOf(metrics)).get('layover_fills_total{result="started",upstream="a\\"b\\\\c\\nd"}')).toBe(1);
  });
});
