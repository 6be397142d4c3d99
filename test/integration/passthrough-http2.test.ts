import { once } from 'node:events';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { CONFIG, imageOf, LAYER, Repository } from './manifest-pushing.ts';
import { startPassthrough } from './passthrough-scene.ts';

it('relays pushes that come by HTTP/2, whose length nobody says', async () => {
  await using upstream = await Layover.start();
  const limits = { limits: { maxblobsize: 1000 } };
  await using cache = await startPassthrough(upstream.url, {}, { http: { h2c: { enabled: true }, ...limits } });
  const session = connect(cache.url);
  const ask = async (method: string, path: string, body: Buffer, headers: OutgoingHttpHeaders = {}) => {
    const stream = session.request({ ':method': method, ':path': path, ...headers }).end(body);
    const [answered] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    return { status: answered[':status'] as unknown as number, headers: answered, body: await text(stream) };
  };
  try {
    const uploads = '/v2/team/app/blobs/uploads/';
    expect((await ask('POST', `${uploads}?digest=${CONFIG.digest}`, CONFIG.bytes)).status).toBe(201);
    const started = await ask('POST', uploads, Buffer.alloc(0));
    const patched = await ask('PATCH', String(started.headers.location), LAYER.bytes);
    expect([patched.status, patched.headers['range']]).toEqual([202, `0-${LAYER.bytes.length - 1}`]);
    const large = await ask('PATCH', String(patched.headers.location), Buffer.alloc(1000));
    expect(large.status).toBe(413);
    expect((await ask('POST', `${uploads}?digest=${LAYER.digest}`, LAYER.bytes)).status).toBe(201);
    const image = imageOf('by HTTP/2');
    const put = await ask('PUT', '/v2/team/app/manifests/1', image.bytes, { 'content-type': image.mediaType });
    expect([put.status, put.headers['docker-content-digest']]).toEqual([201, image.digest]);
  } finally {
    session.destroy();
  }
  expect(await new Repository(cache.url, 'team/app').status('manifests/1')).toBe(200);
  expect((await upstream.visibleBlobs()).every(({ intact }) => intact)).toBe(true);
});
