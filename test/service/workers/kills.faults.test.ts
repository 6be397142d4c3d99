import { expect, it } from 'vitest';

import { sharedHub } from '../../integration/scene.ts';
import { pull } from '../../integration/pulling.ts';
import { sendRequest } from '../../support/http-client.ts';
import {
  atEachWorker,
  childrenOf,
  coldBlob,
  image,
  images,
  isRunning,
  popularBlob,
  RawConnection,
  startWithWorkers,
} from './scene.ts';

const hub = sharedHub(images);
const MANIFEST = `/v2/library/app/manifests/${image.digest}`;
const COLD = `/v2/library/app/blobs/${coldBlob.digest}`;

/** Requests until it is stopped. Its connection may break, and is then replaced. */
function startLoad(url: string) {
  const ended = new AbortController();
  const statuses = new Map<number | 'broken', number>();
  const run = async () => {
    while (!ended.signal.aborted) {
      const status = await sendRequest(url).then(
        (response) => response.status,
        () => 'broken' as const,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const running = Promise.all(Array.from({ length: 8 }, run));
  const stop = async () => {
    ended.abort();
    await running;
    return Object.fromEntries(statuses);
  };
  return { stop, count: () => [...statuses.values()].reduce((sum, count) => sum + count, 0) };
}

it('a killed worker costs its own connections only, and is replaced', async () => {
  await using layover = await startWithWorkers(hub());
  const before = await childrenOf(layover.pid);
  expect(before).toHaveLength(2);
  const connections = [new RawConnection(layover.port), new RawConnection(layover.port)];
  for (const connection of connections) await connection.request('GET', MANIFEST);
  const load = startLoad(layover.url + MANIFEST);
  for (let round = 1; round <= 3; round++) {
    const [victim = 0] = await childrenOf(layover.pid);
    process.kill(victim, 'SIGKILL');
    await layover.waitForOutput(new RegExp(`(?:worker ended[^]*worker started[^]*){${round}}`));
    const reached = load.count() + 20;
    await expect.poll(() => load.count()).toBeGreaterThan(reached);
  }
  const { 200: served = 0, broken = 0, ...others } = await load.stop();
  expect(others).toEqual({});
  expect(served).toBeGreaterThan(60);
  expect(broken).toBeLessThanOrEqual(3 * 8);
  expect(await childrenOf(layover.pid)).toHaveLength(2);
  for (const connection of connections) await connection[Symbol.asyncDispose]();
});

it('a worker that is killed during a fill breaks it for its own clients only', async () => {
  await using layover = await startWithWorkers(hub());
  hub().faults.throttle(8_000_000, { on: 'cdn-get' });
  const pulls = Array.from({ length: 8 }, () => pull(layover.url + COLD));
  await expect.poll(() => hub().requests.count('blob-get')).toBe(1);
  await expect.poll(async () => (await layover.spools()).some(({ size }) => size > 1_000_000)).toBe(true);
  const [victim = 0] = await childrenOf(layover.pid);
  process.kill(victim, 'SIGKILL');
  const ends = await Promise.all(pulls);
  const right = ends.filter(({ digest, complete }) => complete && digest === coldBlob.digest);
  expect(right).toHaveLength(4);
  expect(ends.filter(({ complete }) => complete)).toHaveLength(4);
  expect(hub().requests.count('blob-get')).toBe(1);
  await layover.settled();
  const statuses = await atEachWorker(4, async () => (await pull(layover.url + COLD)).digest);
  expect(new Set(statuses)).toEqual(new Set([coldBlob.digest]));
  expect((await layover.visibleBlobs()).every(({ intact }) => intact)).toBe(true);
});

it('workers end with the main process', async () => {
  await using layover = await startWithWorkers(hub());
  const workers = await childrenOf(layover.pid);
  await using connection = new RawConnection(layover.port);
  await connection.request('GET', MANIFEST);
  await layover.kill('SIGKILL');
  await expect.poll(() => workers.filter(isRunning)).toEqual([]);
  await layover.restart();
  expect((await sendRequest(layover.url + MANIFEST)).status).toBe(200);
});

it('SIGTERM to all processes at once lets requests in progress finish', async () => {
  await using layover = await startWithWorkers(hub());
  hub().faults.throttle(8_000_000, { on: 'cdn-get' });
  const pulls = Array.from({ length: 4 }, () => pull(layover.url + COLD));
  await expect.poll(async () => (await layover.spools()).some(({ size }) => size > 1_000_000)).toBe(true);
  await using idle = new RawConnection(layover.port);
  await idle.request('GET', MANIFEST);
  for (const pid of [layover.pid, ...(await childrenOf(layover.pid))]) process.kill(pid, 'SIGTERM');
  const ends = await Promise.all(pulls);
  expect(ends.map(({ digest }) => digest)).toEqual(ends.map(() => coldBlob.digest));
  expect(await layover.exited).toEqual({ code: 0, signal: null });
  const lines = layover.stdout
    .split('\n')
    .filter((line) => line.includes('response completed') && line.includes(coldBlob.digest));
  expect(lines).toHaveLength(4);
});

it('a stampede at all workers is one fetch', async () => {
  await using layover = await startWithWorkers(hub(), { workers: 3 });
  const url = `${layover.url}/v2/library/app/blobs/${popularBlob.digest}`;
  const pulls = await Promise.all(Array.from({ length: 100 }, () => pull(url)));
  expect(pulls.filter(({ digest }) => digest === popularBlob.digest)).toHaveLength(100);
  expect(hub().requests.count('blob-get')).toBe(1);
  expect(hub().requests.bytes('cdn-get')).toBe(popularBlob.size);
});

it('a worker that does not respond holds up a deletion for seconds only, and its clients get another one', async () => {
  await using layover = await startWithWorkers(hub());
  const [stuck = 0] = await childrenOf(layover.pid);
  process.kill(stuck, 'SIGSTOP');
  const url = `${layover.url}/v2/team/app/manifests/${image.digest}`;
  const deletions = Array.from({ length: 4 }, () => sendRequest(url, { method: 'DELETE' }));
  expect((await Promise.all(deletions)).map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  expect(isRunning(stuck)).toBe(false);
});
