import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { sharedHub } from '../../integration/scene.ts';
import { ask } from '../../http/v2/ask.ts';
import type { Layover } from '../../support/layover.ts';
import { image, images, largeBlob, RawConnection, smallBlob, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const APP = '/v2/library/app';
const PATHS = [
  `${APP}/manifests/1`,
  `${APP}/manifests/${image.digest}`,
  `${APP}/blobs/${smallBlob.digest}`,
  `${APP}/blobs/${largeBlob.digest}`,
];
let layover: Layover;

beforeAll(async () => {
  layover = await startWithWorkers(hub(), { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } });
  for (const path of PATHS) await ask(layover.url + path);
  await layover.settled();
});
afterAll(() => layover?.[Symbol.asyncDispose]());

/** Stops the main process: what is served meanwhile, a worker serves alone. */
async function withoutMain(work: () => Promise<void>): Promise<void> {
  process.kill(layover.pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(layover.pid, 'SIGCONT');
  }
}

describe('a worker serves cached content without the main process', () => {
  let connection: RawConnection;
  beforeEach(async () => {
    connection = new RawConnection(layover.port);
    for (const path of PATHS) await connection.request('GET', path);
    return () => connection[Symbol.asyncDispose]();
  });

  it('manifests and blobs, by GET and HEAD, with ranges and conditions', async () => {
    await withoutMain(async () => {
      for (const path of PATHS) {
        const whole = await connection.request('GET', path);
        expect(whole).toMatchObject({ status: 200, head: expect.stringContaining('x-cache: HIT') as string });
        expect(await connection.request('HEAD', path)).toMatchObject({ status: 200, body: '' });
        const tag = /etag: (.*)/.exec(whole.head)?.[1] ?? '';
        expect(await connection.request('GET', path, { 'If-None-Match': tag })).toMatchObject({ status: 304 });
      }
      const range = await connection.request('GET', `${APP}/blobs/${largeBlob.digest}`, { Range: 'bytes=5-14' });
      expect(range).toMatchObject({ status: 206, body: Buffer.concat([...largeBlob.read(5, 15)]).toString('latin1') });
    });
  });

  it.each([
    ['another path', 'GET', `${APP}/manifests/1?x`, {}],
    ['another host', 'GET', `${APP}/manifests/1`, { Host: 'other' }],
    ['credentials', 'GET', `${APP}/manifests/1`, { Authorization: 'Basic eDp5' }],
    ['a body', 'GET', `${APP}/manifests/1`, { 'Content-Length': '0' }],
    ['another method', 'DELETE', `${APP}/manifests/1`, {}],
  ])('but not for a request with %s', async (_name, method, path, headers) => {
    let sent: Promise<unknown> | undefined;
    await withoutMain(async () => {
      sent = connection.request(method, path, headers);
      await delay(200); // nothing can be waited for that does not come
      expect(connection.received).toBe('');
    });
    await sent;
  });

  it('is in the metrics and in the log like everything else', async () => {
    const count = async () => {
      const metrics = await (await fetch(`${layover.debugUrl}/metrics`)).text();
      return Number(
        /^layover_cache_requests_total\{upstream="docker.io",type="manifest",outcome="hit"\} (\d+)$/m.exec(
          metrics,
        )?.[1],
      );
    };
    await expect.poll(count).toBeGreaterThan(0);
    const lines = () => layover.stdout.split('\n').filter((line) => line.includes('useragent=counted')).length;
    // What other tests did is reported within a moment, and then the number stays.
    let before = -1;
    await expect.poll(async () => before === (before = await count()), { interval: 500 }).toBe(true);
    for (let i = 0; i < 5; i++) await connection.request('GET', `${APP}/manifests/1`, { 'User-Agent': 'counted' });
    await expect.poll(count).toBe(before + 5);
    await expect.poll(lines).toBe(5);
    const own = layover.stdout.split('\n').filter((line) => line.includes('useragent=counted'));
    const shape = (line = '') => line.replaceAll(/=("[^"]*"|\S+)/g, '=');
    expect(new Set(own.map((line) => shape(line).replace(' upstream.duration=', ''))).size).toBe(1);
  });
});
