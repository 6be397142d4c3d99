import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Receiver, summaryOf } from './receiver.ts';

const TWO_MB = 2_000_000;

async function startWithImage(receiver: Receiver, endpoint: ConfigObject = {}, events: ConfigObject = {}) {
  const images = new Images();
  const image = images.addImage('team/app', '1', { layers: [TWO_MB] });
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await mkdir(dataDirectory);
  await writeDistributionLayout(dataDirectory, images);
  const layover = await Layover.start({
    dataDirectory,
    config: { notifications: { events, endpoints: [{ name: 'audit', url: `${receiver.url}/events`, ...endpoint }] } },
  });
  return {
    layover,
    image,
    get: (path: string, init?: RequestInit) => fetch(`${layover.url}/v2/team/app/${path}`, init),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function drained(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
}

describe('an endpoint gets events of pulls', () => {
  it("in distribution's form", async () => {
    await using receiver = await Receiver.start();
    await using scene = await startWithImage(
      receiver,
      { headers: { 'X-Team': ['ci', 'cd'] } },
      { includereferences: true },
    );
    const { get, layover, image } = scene;
    const headers = { 'user-agent': 'a<b>&c' };
    expect(await drained(get('manifests/1', { headers }))).toBe(200);

    const [event] = await receiver.waitFor(1);
    const [delivered] = receiver.taken;
    expect(delivered?.headers['content-type']).toBe('application/vnd.docker.distribution.events.v2+json');
    expect(delivered?.headers['x-team']).toBe('ci, cd');
    expect(delivered?.body).toMatch(/^\{\n {3}"events": \[\n {6}\{\n {9}"id": "/);
    expect(delivered?.body).toContain('a\\u003cb\\u003e\\u0026c');
    expect(event).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/) as string,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$/) as string,
      action: 'pull',
      target: {
        mediaType: image.mediaType,
        digest: image.digest,
        size: image.bytes.length,
        length: image.bytes.length,
        repository: 'team/app',
        url: `${layover.url}/v2/team/app/manifests/${image.digest}`,
        tag: '1',
        references: [
          expect.objectContaining({ digest: image.config }),
          expect.objectContaining({ digest: image.layers[0] }),
          expect.objectContaining({ digest: image.layers[1], size: TWO_MB }),
        ],
      },
      request: {
        id: expect.any(String) as string,
        addr: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
        host: `127.0.0.1:${layover.port}`,
        method: 'GET',
        useragent: 'a<b>&c',
      },
      actor: {},
      source: {
        addr: expect.stringMatching(/:\d+$/) as string,
        instanceID: expect.any(String) as string,
      },
    });
    await layover.waitForOutput(new RegExp(`http\\.request\\.id=${event?.request.id}`));
  });

  it('for GET, HEAD and ranges of manifests and blobs, and none for failures', async () => {
    await using receiver = await Receiver.start();
    await using scene = await startWithImage(receiver);
    const { get, image, layover } = scene;
    const layer = image.layers[1] ?? '';
    const asked: [number, Promise<Response>][] = [
      [200, get('manifests/1', { method: 'HEAD' })],
      [304, get('manifests/1', { headers: { 'if-none-match': `"${image.digest}"` } })],
      [404, get('manifests/2')],
      [200, get(`manifests/${image.digest}`)],
      [404, get(`blobs/${layer.replace(/.$/, (char) => (char === '0' ? '1' : '0'))}`)],
      [206, get(`blobs/${layer}`, { headers: { range: 'bytes=0-9' } })],
      [200, get(`blobs/${layer}`, { method: 'HEAD' })],
      [200, get(`blobs/${layer}`)],
    ];
    for (const [status, answer] of asked) expect(await drained(answer)).toBe(status);

    const events = await receiver.waitFor(5);
    expect(events.map(summaryOf).toSorted()).toEqual([
      'pull team/app',
      'pull team/app',
      'pull team/app',
      'pull team/app',
      'pull team/app:1',
    ]);
    expect(events.filter(({ target }) => target.digest === layer).map(({ target }) => target)).toEqual(
      Array.from({ length: 3 }, () => ({
        mediaType: 'application/octet-stream',
        digest: layer,
        size: TWO_MB,
        length: TWO_MB,
        repository: 'team/app',
        url: `${layover.url}/v2/team/app/blobs/${layer}`,
      })),
    );
  });

  it('except those that it ignores, by media type or by action', async () => {
    await using receiver = await Receiver.start();
    await using scene = await startWithImage(receiver, { ignoredmediatypes: ['application/octet-stream'] });
    const { get, image } = scene;
    expect(await drained(get(`blobs/${image.config}`))).toBe(200);
    expect(await drained(get('manifests/1'))).toBe(200);
    expect((await receiver.waitFor(1)).map(summaryOf)).toEqual(['pull team/app:1']);
  });
});
