import { afterAll, beforeAll, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { sharedHub } from '../../integration/scene.ts';
import { sendRequest } from '../../support/http-client.ts';
import { dockerHubUpstream, type Layover } from '../../support/layover.ts';
import { Pusher } from '../../support/push.ts';
import { runLayover } from '../../support/run-layover.ts';
import { image, images, other, RawConnection, startWithWorkers } from './scene.ts';

const WORKERS = 3;
const hub = sharedHub(images);
let layover: Layover;

beforeAll(async () => {
  layover = await startWithWorkers(hub(), { workers: WORKERS });
});
afterAll(() => layover?.[Symbol.asyncDispose]());

/** A connection to each worker, which has served the path itself. */
async function warmConnections(path: string): Promise<RawConnection[] & AsyncDisposable> {
  const connections = Array.from({ length: WORKERS * 2 }, () => new RawConnection(layover.port));
  for (let i = 0; i < 3; i++) for (const connection of connections) await connection.request('GET', path);
  const close = async () => void (await Promise.all(connections.map((each) => each[Symbol.asyncDispose]())));
  return Object.assign(connections, { [Symbol.asyncDispose]: close });
}

async function statusesAt(connections: readonly RawConnection[], path: string): Promise<number[]> {
  return Promise.all(connections.map(async (connection) => (await connection.request('GET', path)).status));
}

const EACH_404 = Array.from({ length: WORKERS * 2 }, () => 404);

it('a deleted manifest is gone at each worker when the deletion is confirmed, and is there again when it is pushed again', async () => {
  const blob = Buffer.from('{}');
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(blob), size: blob.length },
      layers: [],
    }),
  );
  const pushed = { digest: digestOf(bytes), bytes, blobs: [{ digest: digestOf(blob), bytes: blob }] };
  const pusher = new Pusher(layover.url);
  const path = `/v2/team/app/manifests/${pushed.digest}`;
  for (let round = 0; round < 3; round++) {
    await pusher.image('team/app', pushed, '1');
    await using connections = await warmConnections(path);
    expect(await statusesAt(connections, path)).toEqual(EACH_404.map(() => 200));
    await pusher.delete('team/app', pushed.digest);
    expect(await statusesAt(connections, path)).toEqual(EACH_404);
  }
});

it('a deleted blob is gone at each worker when the deletion is confirmed', async () => {
  const bytes = Buffer.alloc(100_000, 'a blob in a file');
  const digest = digestOf(bytes);
  await new Pusher(layover.url).blob('team/app', { digest, bytes });
  const path = `/v2/team/app/blobs/${digest}`;
  await using connections = await warmConnections(path);
  const { status } = await sendRequest(layover.url + path, { method: 'DELETE' });
  expect(status).toBe(202);
  expect(await statusesAt(connections, path)).toEqual(EACH_404);
});

it('an evicted image is fetched again by all workers together', async () => {
  const path = '/v2/library/app/manifests/1';
  await using connections = await warmConnections(path);
  await layover.settled();
  const before = hub().requests.count('manifest-get');
  const { code } = await runLayover(['cache', 'evict', 'docker.io/library/app:1', layover.configFile]);
  expect(code).toBe(0);
  expect(await statusesAt(connections, path)).toEqual(EACH_404.map(() => 200));
  expect(hub().requests.count('manifest-get')).toBe(before + 1);
});

it('a tag that is refreshed leads to its new manifest at each worker', async () => {
  const path = '/v2/library/app/manifests/moving';
  hub().setTag('library/app', 'moving', image.digest);
  await using connections = await warmConnections(path);
  hub().setTag('library/app', 'moving', other.digest);
  const { code } = await runLayover(['cache', 'refresh', 'docker.io/library/app:moving', layover.configFile]);
  expect(code).toBe(0);
  for (const connection of connections) {
    const { body } = await connection.request('GET', path);
    expect(digestOf(Buffer.from(body, 'latin1'))).toBe(other.digest);
  }
});

it('content that a worker serves without the main process is in use, and does not expire', async () => {
  const upstreams = [dockerHubUpstream(hub(), { tags: { ttl: '1h' } })];
  await using expiring = await startWithWorkers(hub(), { config: { proxy: { ttl: '3s', upstreams } } });
  await using connection = new RawConnection(expiring.port);
  const stored = async () => {
    await connection.request('GET', '/v2/library/app/manifests/1');
    const { stdout } = await runLayover(['cache', 'list', '--json', expiring.configFile]);
    return [image, other].map(({ digest }) => stdout.includes(digest));
  };
  await connection.request('GET', '/v2/library/app/manifests/other');
  await expect.poll(stored).toEqual([true, true]);
  await expect.poll(stored).toEqual([true, false]);
});

it('a recalled image is refused by each worker when the recall is confirmed', async () => {
  const path = '/v2/library/app/manifests/other';
  await using connections = await warmConnections(path);
  const recall = (...args: readonly string[]) => runLayover(['recall', ...args, '--config', layover.configFile]);
  expect((await recall(other.digest)).code).toBe(0);
  expect(await statusesAt(connections, path)).toEqual(EACH_404.map(() => 403));
  expect((await recall('--lift', other.digest)).code).toBe(0);
  expect(await statusesAt(connections, path)).toEqual(EACH_404.map(() => 200));
});
