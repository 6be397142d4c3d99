import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import { startForwardProxy } from '../support/forward-proxy.ts';
import { errorCode, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';
import { coldBlob, image, images, NAME, other, seen, startWarmCache } from './warm-cache.ts';

const hub = sharedHub(images, { challenge: 'none', redirectBlobs: false });

/** The hub over TLS. */
async function startTlsBefore(port: number) {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const server = createServer({ cert, key }, (socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const end of [socket, onward]) end.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

describe('a proxy before the upstream that takes connections and answers nothing', () => {
  it('fails pulls as a silent upstream does, serves what is stale, and is used when it answers', async () => {
    await using tls = await startTlsBefore(hub().port);
    await using proxy = await startForwardProxy();
    const upstream = { remoteurl: tls.url, tls: { insecure: true }, httpproxy: proxy.url };
    const clock = new FakeClock();
    await using layover = await startWarmCache(hub(), { upstream, clock });
    const url = `${layover.url}/v2/${NAME}`;
    expect(proxy.lines).toContain(`CONNECT ${new URL(tls.url).host}`);

    // Connections from before are closed, so that each has to be made anew.
    proxy.silence('before-tunnel');
    proxy.endTunnels();
    const asked = ['manifests/stale', 'manifests/other', `blobs/${coldBlob.digest}`].map((path) =>
      pull(`${url}/${path}`),
    );
    const [stale, ...failed] = await clock.advanceUntil(Promise.all(asked));
    expect(stale && seen(stale)).toEqual({ status: 200, digest: image.digest, cache: 'STALE' });
    const seenOf = failed.map((each) => ({ status: each.status, code: errorCode(each) }));
    const timeout = { status: 504, code: 'UNAVAILABLE' };
    expect(seenOf).toEqual([timeout, timeout]);
    await expectNotStored(layover, [other.digest, coldBlob.digest]);

    proxy.speak();
    const again = () => clock.advanceUntil(pull(`${url}/manifests/other`));
    await expect.poll(again, { timeout: 20_000, interval: 20 }).toMatchObject({ status: 200, digest: other.digest });
    expect(await pull(`${url}/blobs/${coldBlob.digest}`)).toMatchObject({ status: 200, digest: coldBlob.digest });
    await expectStored(layover, [other.digest, coldBlob.digest]);
  });
});
