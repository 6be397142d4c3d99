import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { certificate } from '../http/tls/certificates.ts';
import { parseMetrics } from '../telemetry/metric-samples.ts';

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [4096] });
const DEBUG = { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } };

let hub: Hub;
beforeAll(async () => {
  hub = await Hub.start(images);
});
afterAll(() => hub[Symbol.asyncDispose]());

async function samplesOf(layover: Layover): Promise<Map<string, number>> {
  return parseMetrics(await (await fetch(`${layover.debugUrl}/metrics`)).text());
}

it('a pull is seen in the age of the oldest use, the clients and the budget of the account', async () => {
  await using layover = await Layover.start({
    config: { http: DEBUG, proxy: { upstreams: [dockerHubUpstream(hub)] } },
  });
  const before = await samplesOf(layover);
  expect(before.get('layover_clients')).toBe(0);
  expect(before.get('layover_oldest_use_seconds')).toBeUndefined();
  await fetch(`${layover.url}/v2/library/app/manifests/1`);
  await fetch(`${layover.url}/v2/library/app/blobs/${image.layers[0]}`).then((response) => response.arrayBuffer());
  await layover.settled();
  const seen = await samplesOf(layover);
  expect(seen.get('layover_clients')).toBe(1);
  expect(seen.get('layover_oldest_use_seconds')).toBeGreaterThanOrEqual(0);
  const account = '{account="anonymous",upstream="docker.io"}';
  expect(seen.get(`layover_upstream_ratelimit_limit${account}`)).toBe(100);
  expect(seen.get(`layover_upstream_ratelimit_reset_seconds${account}`)).toBeGreaterThan(0);
  expect(seen.get('layover_fill_seconds_count{upstream="docker.io"}')).toBe(1);
  expect(seen.get('layover_fills_total{result="failed",upstream="docker.io"}')).toBe(0);
});

it('the file systems of storage and spools are measured', async () => {
  await using layover = await Layover.start({
    config: { http: DEBUG, proxy: { upstreams: [dockerHubUpstream(hub)] } },
  });
  const seen = await samplesOf(layover);
  for (const directory of ['storage', 'spools']) {
    const free = seen.get(`layover_disk_free_bytes{directory="${directory}"}`);
    expect(free).toBeGreaterThan(0);
    expect(seen.get(`layover_disk_size_bytes{directory="${directory}"}`)).toBeGreaterThan(free ?? Infinity);
  }
});

it('parts that are not configured have no metrics that an alert could mistake for a failure', async () => {
  await using layover = await Layover.start({ config: { http: DEBUG } });
  const names = [...(await samplesOf(layover)).keys()].join();
  expect(names).not.toMatch(/redis_up|housekeeping_leader|tls_certificate|spools/);
});

it('a Redis that was never there is down, and no replica leads', async () => {
  await using layover = await Layover.start({ config: { http: DEBUG, redis: { addrs: ['127.0.0.1:1'] } } });
  const seen = await samplesOf(layover);
  expect([seen.get('layover_redis_up'), seen.get('layover_housekeeping_leader')]).toEqual([0, 0]);
});

it('the certificate of the server has its time to expiry, and a new one its own', async () => {
  await using directory = await temporaryDirectory();
  const files = { certificate: join(directory.path, 'cert.pem'), key: join(directory.path, 'key.pem') };
  const put = async (days: number) => {
    const { cert, key } = await certificate('own', { days });
    await writeFile(files.key, key);
    await writeFile(files.certificate, cert);
  };
  await put(3);
  await using layover = await Layover.start({ config: { http: { ...DEBUG, tls: files } } });
  const daysLeft = async () =>
    Math.round(((await samplesOf(layover)).get('layover_tls_certificate_expiry_seconds') ?? 0) / 86_400);
  expect(await daysLeft()).toBe(3);
  await put(30);
  await expect.poll(daysLeft).toBe(30);
});
