import { afterEach, expect, it, vi } from 'vitest';

import type { FillEvent } from '../../src/fills/fill-events.ts';
import type { FinishedRequest } from '../../src/library/http.ts';
import { createLayover, type LayoverOptions } from '../../src/library/layover.ts';
import { createHandler, type Handler, type HandlerEvents } from '../../src/library/request-handler.ts';
import { hosted, pullThrough } from '../../src/library/registry.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { ContentEvent } from '../../src/registry/content-event.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { LAYER_DIGEST, pushSmallImage } from './small-image.ts';

afterEach(() => vi.useRealTimers());

const serve = (handler: Handler) => startServer((req, res) => void (handler(req, res) || res.writeHead(404).end()));

/** A cache in memory of the registry at `url`. */
async function openCache(url: string, options: Partial<LayoverOptions> = {}) {
  const directory = await temporaryDirectory();
  const { host } = new URL(url);
  const layover = await createLayover({
    storage: createInmemoryDriver(),
    fillDirectory: directory.path,
    upstreams: [{ upstream: host, plainHttp: true, isDefault: true }],
    ...options,
  });
  const dispose = () => directory[Symbol.asyncDispose]();
  return { layover, [Symbol.asyncDispose]: dispose };
}

it('ends unfinished fills before their connections', async () => {
  let requested = () => {};
  const arrived = new Promise<void>((resolve) => (requested = resolve));
  await using upstream = await startServer(() => requested());
  const reasons: string[] = [];
  const cacheEvents = { fillFailed: ({ reason }: { reason: string }) => reasons.push(reason) };
  await using cache = await openCache(upstream.url, { cacheEvents });
  const opening = cache.layover.registry.openBlob('team/app', digestOf(Buffer.from('x')));
  const failed = expect(opening).rejects.toThrow('the registry is shutting down');
  await arrived;
  await cache.layover.close();
  await failed;
  expect(reasons).toEqual(['the registry is shutting down']);
});

it('leaves no timer behind when a cache cannot be opened', async () => {
  await using directory = await temporaryDirectory();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  const storage = createInmemoryDriver();
  const upstream = { upstream: 'registry.example', tls: { caFile: '/no/such/ca.pem' } };
  const options = { storage, fillDirectory: directory.path };
  await expect(pullThrough({ ...options, ...upstream })).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(createLayover({ ...options, upstreams: [upstream] })).rejects.toMatchObject({ code: 'ENOENT' });
  expect(vi.getTimerCount()).toBe(0);
});

class Recorder implements HandlerEvents {
  readonly seen: string[] = [];

  async content({ action, repository }: ContentEvent): Promise<void> {
    this.seen.push(`${action} ${repository}`);
  }

  requestFinished({ status }: FinishedRequest): void {
    this.seen.push(`status ${status}`);
  }

  fillCompleted({ repository }: FillEvent): void {
    this.seen.push(`filled ${repository}`);
  }
}

it('calls listeners that are methods of an object', async () => {
  const registry = hosted({ storage: createInmemoryDriver() });
  await pushSmallImage(registry, 'team/app', '1');
  await using upstream = await serve(createHandler(registry));
  const recorder = new Recorder();
  await using cache = await openCache(upstream.url, { events: recorder, cacheEvents: recorder });
  await using server = await serve(cache.layover.handler);
  const response = await fetch(`${server.url}/v2/team/app/blobs/${LAYER_DIGEST}`);
  expect((await response.arrayBuffer()).byteLength).toBe(22);
  const expected = ['filled team/app', 'pull team/app', 'status 200'];
  await vi.waitFor(() => expect(recorder.seen.toSorted()).toEqual(expected), 10_000);
  await cache.layover.close();
});

it('accepts only hosted names when they are given, also without upstreams', async () => {
  const storage = createInmemoryDriver();
  await pushSmallImage(hosted({ storage }), 'other/app', '1');
  const layover = await createLayover({ storage, hosted: ['team/**'] });
  await pushSmallImage(layover.registry, 'team/app', '1');
  await expect(pushSmallImage(layover.registry, 'other/app', '2')).rejects.toMatchObject({ code: 'NAME_UNKNOWN' });
  await using server = await serve(layover.handler);
  const statusOf = async (path: string, method = 'GET') =>
    (await fetch(`${server.url}/v2/${path}`, { method })).status;
  expect(await statusOf('team/app/manifests/1')).toBe(200);
  expect(await statusOf('other/app/manifests/1')).toBe(404);
  expect(await statusOf(`team/new/blobs/uploads/?mount=${LAYER_DIGEST}&from=other/app`, 'POST')).toBe(202);
  await layover.close();
});
