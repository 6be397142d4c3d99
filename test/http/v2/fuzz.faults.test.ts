import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startServer } from '../../support/start-server.ts';
import { type ArbitraryRequest, arbitraryRequest, brokenBytes, TRAP } from './arbitrary-requests.ts';
import { ask } from './ask.ts';
import { exchangeBytes, parseResponses, type RawResponse } from './raw-exchange.ts';
import { app, huge, type ReadScene, startReadScene } from './read-scene.ts';

let upstream: Awaited<ReturnType<typeof startServer>>;
let trap: Server;
let trapped = 0;
let scene: ReadScene;

beforeAll(async () => {
  upstream = await startServer((_req, res) => {
    res.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
  });
  // Listens where requests that are wrong would like to lead us.
  trap = createTcpServer((socket) => {
    trapped++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(trap, 'listening');
  const upstreams = [{ name: 'docker.io', remoteurl: upstream.url, library: true, default: true }];
  scene = await startReadScene({ proxy: { upstreams, hosted: ['team/**'] } });
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  trap.close();
  await upstream[Symbol.asyncDispose]();
});

const send = (bytes: Buffer) => exchangeBytes(scene.layover.port, bytes);
const sendHardly = (bytes: Buffer) => exchangeBytes(scene.layover.port, bytes, { endAfterSilence: true });

function requestBytes({ method, target, host, headers }: ArbitraryRequest, ...more: string[]): Buffer {
  const fields = headers.map(([name, value]) => `${name}: ${value}`);
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...fields, ...more, '', ''];
  const trapAddress = `127.0.0.1:${(trap.address() as AddressInfo).port}`;
  return Buffer.from(lines.join('\r\n').replaceAll(TRAP, trapAddress), 'latin1');
}

/** The response blames the client, not the registry. */
function expectGoodResponse({ status, headers, body }: RawResponse, { method, target }: ArbitraryRequest): void {
  expect(status).toBeLessThan(500);
  expect(status).toBeGreaterThanOrEqual(200);
  if (status < 400 || method === 'HEAD' || !/^(?:http:..@trap)?\/v2(?:[/?]|$)/.test(target)) return;
  expect(headers.get('content-type')).toBe('application/json');
  expectErrorBody(body);
}

function expectErrorBody(body: string): void {
  const code = expect.stringMatching(/^[A-Z_]+$/);
  const message = expect.stringMatching(/./);
  expect(JSON.parse(body)).toEqual({ errors: [expect.objectContaining({ code, message })] });
}

describe('any request', () => {
  it('gets a valid response that blames the right side', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryRequest, async (request) => {
        const responses = parseResponses(await send(requestBytes(request, 'Connection: close')), [request.method]);
        expect(responses).toHaveLength(1);
        for (const response of responses) expectGoodResponse(response, request);
      }),
      { numRuns: 1000 },
    );
  });

  it('gets its responses in order when it is pipelined', async () => {
    const last: ArbitraryRequest = { method: 'GET', target: '/v2/team/app/manifests/1', host: 'a', headers: [] };
    const readable = arbitraryRequest
      .filter(({ method }) => method === 'GET' || method === 'HEAD')
      .map((request) => ({ ...request, host: 'a', headers: [] }));
    await fc.assert(
      fc.asyncProperty(fc.array(readable, { minLength: 1, maxLength: 4 }), async (requests) => {
        const sent = [...requests.map((request) => requestBytes(request)), requestBytes(last, 'Connection: close')];
        const methods = [...requests, last].map(({ method }) => method);
        const responses = parseResponses(await send(Buffer.concat(sent)), methods);
        expect(responses).toHaveLength(methods.length);
        for (const [i, response] of responses.entries()) expectGoodResponse(response, requests[i] ?? last);
        expect(responses.at(-1)?.body).toBe(app.bytes.toString('latin1'));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a malformed request', () => {
  it('gets a valid response, or none when nothing was sent', async () => {
    await fc.assert(
      fc.asyncProperty(brokenBytes, async (bytes) => {
        const [method = ''] = bytes.toString('latin1').split(' ');
        for (const { status, body } of parseResponses(await sendHardly(bytes), [method])) {
          expect(status).toBeLessThan(500);
          if (status >= 400 && body !== '') expectErrorBody(body);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['path', `GET /v2/${'a'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['header', `GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Long: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['list of headers', `GET /v2/ HTTP/1.1\r\nHost: a\r\n${'X-More: a\r\n'.repeat(10_000)}\r\n`],
  ])('is refused when its %s does not end', async (_, text) => {
    const [response] = parseResponses(await send(Buffer.from(text)), ['GET']);
    expect(response?.status).toBe(431);
    expectErrorBody(response?.body ?? '');
  });

  it('is refused without a Host', async () => {
    const [response] = parseResponses(await send(Buffer.from('GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n')), [
      'GET',
    ]);
    expect(response?.status).toBe(400);
    expect(response?.body).toContain('Host');
    const [old] = parseResponses(await send(Buffer.from('GET /v2/ HTTP/1.0\r\n\r\n')), ['GET']);
    expect(old?.status).toBe(200);
  });

  it('never gets its response into the middle of another one', async () => {
    const socket = connect({ port: scene.layover.port, host: '127.0.0.1' });
    const received: Buffer[] = [];
    socket.on('data', (chunk) => received.push(chunk)).on('error', () => {}); // cut off is what it may be
    socket.write(`GET /v2/team/app/blobs/${huge.digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(socket, 'data');
    socket.write('\u0000 garbage \r\n\r\n');
    await once(socket, 'close');
    const bytes = Buffer.concat(received);
    const start = bytes.indexOf('\r\n\r\n') + 4;
    const body = bytes.subarray(start, start + huge.size);
    expect(body.equals(Buffer.concat([...huge.read(0, body.length)]))).toBe(true);
  });

  it('gets no response on a silent connection', async () => {
    const silent = await Promise.all(Array.from({ length: 50 }, () => sendHardly(Buffer.alloc(0))));
    expect(silent.every((bytes) => bytes.length === 0)).toBe(true);
  });
});

it('the registry still works afterwards', async () => {
  const response = await ask(`${scene.layover.url}/v2/team/app/manifests/1`);
  expect([response.status, response.body.equals(app.bytes)]).toEqual([200, true]);
  expect(scene.layover.output).not.toContain('a fault of ours');
  expect(trapped).toBe(0);
});
