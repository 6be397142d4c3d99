import { describe, expect, it } from 'vitest';

import { combineEvents } from '../../src/telemetry/combine-events.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { Receiver } from './receiver.ts';

describe('events of the cache', () => {
  it('report fills, stale responses and removals', async () => {
    const images = new Images();
    const image = images.addImage('library/app', 'latest');
    await using hub = await Hub.start(images);
    await using receiver = await Receiver.start();
    const config = (proxy: ConfigObject) => ({
      proxy: { ...proxy, upstreams: [dockerHubUpstream(hub, { tags: { ttl: '1ms' } })] },
      notifications: {
        events: { cache: true },
        endpoints: [{ name: 'cache', url: receiver.url, ignore: { actions: ['pull'] } }],
      },
    });
    await using layover = await Layover.start({ config: config({}) });
    const get = async (path: string) => (await fetch(`${layover.url}/v2/library/app/${path}`)).arrayBuffer();
    await get('manifests/latest');
    await get(`blobs/${image.config}`);
    await receiver.waitFor(2);
    await layover.settled();
    await hub[Symbol.asyncDispose]();
    await get('manifests/latest');
    await receiver.waitFor(3);
    await layover.restart(config({ ttl: '1s' }));

    const events = await receiver.waitFor(5);
    const told = events.map(({ action, target }) => ({ action, ...target }));
    const repository = 'docker.io/library/app';
    const { digest, mediaType, bytes } = image;
    expect(told).toContainEqual({
      action: 'fill',
      repository,
      digest,
      mediaType,
      size: bytes.length,
      length: bytes.length,
    });
    expect(told).toContainEqual(expect.objectContaining({ action: 'fill', repository, digest: image.config }));
    expect(told).toContainEqual({ action: 'stale', repository, tag: 'latest', digest });
    expect(told).toContainEqual({ action: 'evict', repository, digest });
    expect(told).toContainEqual({ action: 'evict', repository, digest: image.config });
    expect(events[0]).toMatchObject({ request: { id: '', method: '', useragent: '' }, actor: {} });
  });

  it('are sent only when configured, and a fill is not a push', async () => {
    const images = new Images();
    const image = images.addImage('library/app', 'latest');
    await using hub = await Hub.start(images);
    await using receiver = await Receiver.start();
    await using layover = await Layover.start({
      config: {
        proxy: { upstreams: [dockerHubUpstream(hub)] },
        notifications: { endpoints: [{ name: 'cache', url: receiver.url }] },
      },
    });
    await (await fetch(`${layover.url}/v2/library/app/blobs/${image.config}`)).arrayBuffer();
    await layover.settled();
    await (await fetch(`${layover.url}/v2/library/app/blobs/${image.config}`)).arrayBuffer();
    const events = await receiver.waitFor(2);
    expect(events.map(({ action, target }) => `${action} ${target.repository}`)).toEqual([
      'pull library/app',
      'pull library/app',
    ]);
    expect(receiver.taken).toHaveLength(2);
  });
});

it('two event objects are called as one, and the second may lack methods', () => {
  class Counter {
    #count = 0;
    add(by: number): number {
      return (this.#count += by);
    }
    get count(): number {
      return this.#count;
    }
  }
  const heard: number[] = [];
  const both = combineEvents(new Counter(), { add: (by) => heard.push(by) });
  expect([both.add(2), both.add(3), both.count]).toEqual([2, 5, 5]);
  expect(heard).toEqual([2, 3]);
});
