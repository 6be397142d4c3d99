import { describe, expect, it } from 'vitest';

import { Receiver, summaryOf } from '../notifications/receiver.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { CONFIG, imageOf, LAYER, piece, Repository } from './manifest-pushing.ts';
import { startPassthrough } from './passthrough-scene.ts';
import { answerOf, send, startSending } from './pushing.ts';

const LIMITS = { http: { limits: { maxblobsize: 1000, maxmanifestsize: 800 } } };

/** Without limits of its own, and without auth. */
const startUpstream = () => Layover.start({ config: { storage: { delete: { enabled: true } } } });

/** Uploads that nobody has finished or cancelled. */
const sessionsOf = async (rootDirectory: string) =>
  (await filesBelow(rootDirectory)).filter((path) => path.includes('/_uploads/'));

describe('limits of push: passthrough', () => {
  it('refuse a manifest that is too large before the upstream has any of it', async () => {
    await using upstream = await startUpstream();
    await using cache = await startPassthrough(upstream.url, {}, LIMITS);
    const repository = new Repository(cache.url, 'team/app');
    await repository.addBlobs(CONFIG, LAYER);
    expect((await repository.put(imageOf('x'.repeat(800)), '1')).status).toBe(413);
    expect((await repository.put(imageOf('x'), '1')).status).toBe(201);
  });

  it.each([
    ['whose length is said', { 'content-length': 1001 }],
    ['whose length is not', { 'transfer-encoding': 'chunked' }],
  ])('refuse a blob %s, in however many pieces, and leave no upload at the upstream', async (_, headers) => {
    await using upstream = await startUpstream();
    await using cache = await startPassthrough(upstream.url, {}, LIMITS);
    const url = `${cache.url}/v2/team/app/blobs/uploads/`;
    const large = Buffer.alloc(1001);
    const whole = startSending('POST', `${url}?digest=${piece(String(large)).digest}`, headers);
    whole.end(large);
    expect((await answerOf(whole)).status).toBe(413);

    const started = await send('POST', url);
    const location = new URL(String(started.headers.location), cache.url).href;
    const patched = await send('PATCH', location, { body: Buffer.alloc(600) });
    expect([patched.status, patched.headers.range]).toEqual([202, '0-599']);
    const more = new URL(String(patched.headers.location), cache.url).href;
    const said = 'content-length' in headers ? { 'content-length': 401 } : headers;
    const sending = startSending('PATCH', more, said);
    sending.end(Buffer.alloc(401));
    const refused = await answerOf(sending);
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([413, { errors: [{ code: 'SIZE_INVALID' }] }]);
    expect(await sessionsOf(upstream.dataDirectory)).toEqual([]);
    expect((await send('GET', more)).status).toBe(404);
  });
});

describe('events of push: passthrough', () => {
  it('tell what the upstream took, as for content of our own, and nothing that it refused', async () => {
    await using upstream = await startUpstream();
    await using receiver = await Receiver.start();
    const endpoints = [{ name: 'audit', url: receiver.url, threshold: 1, backoff: '20ms' }];
    const notifications = { endpoints, events: { includereferences: true } };
    await using cache = await startPassthrough(upstream.url, {}, { notifications });
    const url = `${cache.url}/v2/team`;
    const wrong = await send('POST', `${url}/app/blobs/uploads/?digest=${CONFIG.digest}`, { body: LAYER.bytes });
    expect(wrong.status).not.toBe(201);
    const repository = new Repository(cache.url, 'team/app');
    await repository.addBlobs(CONFIG);
    const started = await send('POST', `${url}/app/blobs/uploads/`);
    const location = new URL(String(started.headers.location), cache.url).href;
    const patched = await send('PATCH', location, { body: LAYER.bytes.subarray(0, 3) });
    const last = new URL(String(patched.headers.location), cache.url);
    last.searchParams.set('digest', LAYER.digest);
    expect((await send('PUT', last.href, { body: LAYER.bytes.subarray(3) })).status).toBe(201);
    const mount = `mount=${LAYER.digest}&from=team/app`;
    expect((await send('POST', `${url}/other/blobs/uploads/?${mount}`)).status).toBe(201);
    const image = imageOf('told');
    expect((await repository.put(image, '1')).status).toBe(201);
    expect((await repository.delete(`manifests/${image.digest}`)).status).toBe(202);

    const events = await receiver.waitFor(5);
    expect(events.map(summaryOf).toSorted()).toEqual([
      'delete team/app',
      'mount team/other',
      'push team/app',
      'push team/app',
      'push team/app:1',
    ]);
    const of = (digest: string, action = 'push') =>
      events.find((event) => event.action === action && event.target.digest === digest);
    expect(of(LAYER.digest)?.target).toMatchObject({ size: LAYER.bytes.length, repository: 'team/app' });
    expect(of(LAYER.digest, 'mount')?.target.fromRepository).toBe('team/app');
    expect(of(image.digest)).toMatchObject({
      target: { mediaType: image.mediaType, size: image.bytes.length, tag: '1' },
      request: { host: new URL(cache.url).host, method: 'PUT' },
    });
    expect(of(image.digest)?.target.references).toHaveLength(2);
    expect(of(image.digest)?.target.url).toBe(`${cache.url}/v2/team/app/manifests/${image.digest}`);
  });
});
