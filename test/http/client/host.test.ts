import { once } from 'node:events';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Layover } from '../../support/layover.ts';
import { freePort } from '../../support/processes.ts';
import { exchangeBytes, parseResponses } from '../v2/raw-exchange.ts';

let layover: Layover;
let adminPort = 0;
beforeAll(async () => {
  adminPort = await freePort();
  layover = await Layover.start({
    config: {
      http: { h2c: { enabled: true }, debug: { addr: '127.0.0.1:0' } },
      admin: { addr: `127.0.0.1:${adminPort}` },
    },
  });
});
afterAll(() => layover?.[Symbol.asyncDispose]());

async function statusOf(hosts: string, path = '/v2/', port = layover.port) {
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
  const received = await exchangeBytes(port, bytes);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(received.toString('latin1'))?.[1]);
}

describe('the Host of a request', () => {
  it.each([
    'Host: a\r\nHost: b\r\n',
    'Host: a\r\nHost: a\r\n',
    'Host: a\r\nhOST: a\r\n',
    'Host:\r\nX: y\r\nHost: a\r\n',
    'Host: a, b\r\n',
    'Host: a b\r\n',
    'Host: a/b\r\n',
    'Host: user@a\r\n',
    'Host: a:b\r\n',
    'Host: [::1\r\n',
  ])('must not be ambiguous, on every address: %j', async (hosts) => {
    for (const path of ['/v2/', '/v2/a/manifests/1', '/', '/livez', '/token', '/other']) {
      expect([path, await statusOf(hosts, path)]).toEqual([path, 400]);
    }
    expect(await statusOf(hosts, '/debug/vars', Number(new URL(layover.debugUrl).port))).toBe(400);
    expect(await statusOf(hosts, '/admin/api/v1/stats', adminPort)).toBe(400);
  });

  it.each(['Host: a\r\n', 'Host: A.example:5000\r\n', 'Host: [fd00::1]:80\r\n', 'Host: a_b\r\n', 'Host:\r\n'])(
    'is taken when it is one: %j',
    async (host) => {
      expect(await statusOf(host)).toBe(200);
    },
  );

  it('gets an error of the registry', async () => {
    const bytes = Buffer.from('GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n');
    const [response] = parseResponses(await exchangeBytes(layover.port, bytes), ['GET']);
    expect(JSON.parse(response?.body ?? '')).toEqual({
      errors: [{ code: 'UNSUPPORTED', message: 'the request has more than one Host header' }],
    });
  });

  it('must equal the :authority of HTTP/2', async () => {
    const session = connect(layover.url);
    const ask = async (headers: OutgoingHttpHeaders) => {
      const stream = session.request({ ':path': '/v2/', ...headers });
      const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      stream.close();
      return received[':status'];
    };
    try {
      expect(await ask({ ':authority': 'a.example', host: 'b.example' })).toBe(400);
      expect(await ask({ ':authority': 'a.example', host: 'A.example' })).toBe(200);
      expect(await ask({ ':authority': 'a.example' })).toBe(200);
    } finally {
      session.destroy();
    }
  });
});
