import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';

import { Layover } from '../../support/layover.ts';
import { startServer } from '../../support/start-server.ts';

const LIMIT = 3;

/** A cache in front of an upstream that does not respond until it is released. */
async function startHanging() {
  const held: ServerResponse[] = [];
  const asked = new Set<string>();
  const state = { isReleased: false };
  const upstream = await startServer((req, res) => {
    if (req.url === '/v2/') return void res.end('{}');
    asked.add(req.url ?? '');
    if (state.isReleased) res.writeHead(404).end();
    else held.push(res);
  });
  const layover = await Layover.start({
    config: {
      http: { h2c: { enabled: true }, limits: { maxrequestsperclient: LIMIT } },
      proxy: { upstreams: [{ name: 'x.example', remoteurl: upstream.url, default: true }] },
    },
  });
  return {
    layover,
    asked,
    release() {
      state.isReleased = true;
      for (const res of held) res.writeHead(404).end();
    },
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function statusOf(layover: Layover, path: string): Promise<number> {
  return (await fetch(layover.url + path)).status;
}

/** Slots that are taken for good would make it 429 sooner or later. */
async function expectAllFree(layover: Layover): Promise<void> {
  await vi.waitFor(async () => expect(await statusOf(layover, '/v2/')).toBe(200), 5000);
  for (let i = 0; i < LIMIT * 3; i++) expect(await statusOf(layover, '/v2/')).toBe(200);
  const together = await Promise.all(Array.from({ length: LIMIT }, () => statusOf(layover, '/v2/')));
  expect(together).toEqual(Array.from({ length: LIMIT }, () => 200));
}

it('streams that are reset count until their work has ended', async () => {
  await using scene = await startHanging();
  const session = connect(scene.layover.url);
  session.on('error', () => {});
  for (let i = 0; i < 12; i++) {
    const stream = session.request({ ':path': `/v2/a/b${i}/manifests/1` });
    stream.on('error', () => {});
    if (i < LIMIT) await vi.waitFor(() => expect(scene.asked.size).toBe(i + 1), 5000);
    else await once(stream, 'response');
    stream.close(constants.NGHTTP2_CANCEL);
  }
  expect(scene.asked.size).toBe(LIMIT);
  const refused = session.request({ ':path': '/v2/' });
  const [received] = (await once(refused, 'response')) as [IncomingHttpHeaders];
  expect(received[':status']).toBe(429);
  scene.release();
  await expectAllFree(scene.layover);
  session.destroy();
});

it('streams that are reset by the packet that opens them start nothing, and do not count', async () => {
  await using scene = await startHanging();
  const session = connect(scene.layover.url);
  session.on('error', () => {});
  await once(session, 'connect');
  for (let i = 0; i < 200; i++) {
    const stream = session.request({ ':path': `/v2/a/b${i}/manifests/1` });
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
  }
  await delay(300);
  expect(scene.asked.size).toBeLessThanOrEqual(LIMIT);
  scene.release();
  await expectAllFree(scene.layover);
  session.destroy();
});

it('so do connections of HTTP/1.1 that are closed in the middle of a request', async () => {
  await using scene = await startHanging();
  for (let i = 0; i < 8; i++) {
    const socket = connectTcp({ port: scene.layover.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write(`GET /v2/a/b${i}/manifests/1 HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (i < LIMIT) await vi.waitFor(() => expect(scene.asked.size).toBe(i + 1), 5000);
    else await once(socket, 'data');
    socket.destroy();
  }
  expect(scene.asked.size).toBe(LIMIT);
  expect(await statusOf(scene.layover, '/v2/')).toBe(429);
  scene.release();
  await expectAllFree(scene.layover);
});
