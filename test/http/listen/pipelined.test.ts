import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ask } from '../v2/ask.ts';
import { exchangeBytes, parseResponses } from '../v2/raw-exchange.ts';
import { huge, type ReadScene, startReadScene } from '../v2/read-scene.ts';

let scene: ReadScene;
beforeAll(async () => {
  scene = await startReadScene({ http: { limits: { maxrequestsperclient: 3 } } });
});
afterAll(() => scene[Symbol.asyncDispose]());

const HUGE = `/v2/team/app/blobs/${huge.digest}`;
const get = (target: string, ...headers: string[]) =>
  `${[`GET ${target} HTTP/1.1`, 'Host: a', ...headers].join('\r\n')}\r\n\r\n`;

describe('pipelined requests', () => {
  it('end with their connection, also those that still wait', async () => {
    const socket = connect({ port: scene.layover.port, host: '127.0.0.1' }).on('error', () => {});
    socket.write(get(HUGE).repeat(3));
    await once(socket, 'data');
    expect((await ask(`${scene.layover.url}/v2/`)).status).toBe(429);
    socket.resetAndDestroy();
    await expect.poll(async () => (await ask(`${scene.layover.url}/v2/`)).status).toBe(200);
    const others = Array.from({ length: 3 }, () => ask(`${scene.layover.url}${HUGE}`));
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('get 100 Continue when it is their turn, and not within another response', async () => {
    const sent = [get('/v2/'), get('/v2/none', 'Expect: 100-continue'), get('/v2/', 'Connection: close')];
    const bytes = await exchangeBytes(scene.layover.port, Buffer.from(sent.join('')));
    const responses = parseResponses(bytes, ['GET', 'GET', 'GET']);
    expect(responses.map(({ status }) => status)).toEqual([200, 404, 200]);
  });
});
