import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import type { Layover } from '../../support/layover.ts';
import { ask, errorOf } from '../v2/ask.ts';
import { parseResponses } from '../v2/raw-exchange.ts';
import { app, huge, type ReadScene, startReadScene } from '../v2/read-scene.ts';

const LIMITS = {
  headertimeout: '400ms',
  stalltimeout: '600ms',
  idletimeout: '400ms',
  maxrequestsperclient: 3,
  maxconnectionsperclient: 20,
  maxmanifestsize: 1000,
  maxblobsize: 3000,
};

/** A connection that keeps what it received, and knows when it was closed. */
async function open(layover: Layover, from = '127.0.0.1') {
  const socket = connect({ port: layover.port, host: '127.0.0.1', localAddress: from });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, closed, received: () => Buffer.concat(received), [Symbol.dispose]: () => void socket.destroy() };
}

/** Writes again and again until the connection is closed. @returns how often */
async function drip(socket: Socket, text: string, everyMs: number): Promise<number> {
  let count = 0;
  const timer = setInterval(() => {
    count++;
    socket.write(text);
  }, everyMs);
  await once(socket, 'close');
  clearInterval(timer);
  return count;
}

let scene: ReadScene;
beforeAll(async () => {
  scene = await startReadScene({
    http: { limits: LIMITS, debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
  });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Somebody else's request meanwhile. */
async function expectServed(): Promise<void> {
  const response = await ask(`${scene.layover.url}/v2/team/app/manifests/1`);
  expect([response.status, response.headers['docker-content-digest']]).toEqual([200, app.digest]);
}

async function refusals(reason: string): Promise<number> {
  const page = await (await fetch(`${scene.layover.debugUrl}/metrics`)).text();
  return Number(new RegExp(`^layover_clients_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(page)?.[1] ?? 0);
}

describe('a client that is slow on purpose', () => {
  it('is disconnected with 408 when its header is not complete in time', async () => {
    using client = await open(scene.layover);
    client.socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n');
    const [drips] = await Promise.all([drip(client.socket, 'X-A: b\r\n', 50), expectServed()]);
    const [response] = parseResponses(client.received(), ['GET']);
    expect([response?.status, response?.headers.get('connection')]).toEqual([408, 'close']);
    expect(drips).toBeGreaterThan(3);
  });

  it('is disconnected when it sends nothing', async () => {
    using client = await open(scene.layover);
    await client.closed;
    expect(client.received().toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('is disconnected with 408 when it stops in the middle of a body', async () => {
    const before = await refusals('stalled');
    using client = await open(scene.layover);
    client.socket.write('PUT /v2/team/app/manifests/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n{');
    await Promise.all([client.closed, expectServed()]);
    const [response] = parseResponses(client.received(), ['PUT']);
    expect(response?.status).toBe(408);
    expect(await refusals('stalled')).toBe(before + 1);
  });

  it('is disconnected when it does not read its response', async () => {
    const before = await refusals('stalled');
    using client = await open(scene.layover);
    client.socket.pause();
    client.socket.write(`GET /v2/team/app/blobs/${huge.digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
    while ((await refusals('stalled')) === before) await expectServed();
    client.socket.resume();
    await client.closed;
    expect(client.received().length).toBeLessThan(huge.size);
  });

  it('is served completely when it is slow but keeps reading', async () => {
    using client = await open(scene.layover);
    client.socket.write(`GET /v2/team/app/blobs/${huge.digest} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    // Longer altogether than the client may stand still.
    for (let i = 0; i < 10; i++) {
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
      client.socket.resume();
      await once(client.socket, 'data');
    }
    await client.closed;
    expect(digestOf(client.received().subarray(-huge.size))).toBe(huge.digest);
  });

  it('can push completely when it is slow but keeps sending', async () => {
    using client = await open(scene.layover);
    const bytes = Buffer.from('ten bytes.'.repeat(30));
    const path = `/v2/team/app/blobs/uploads/?digest=${digestOf(bytes)}`;
    client.socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\nConnection: close\r\n\r\n`);
    // Longer altogether than the client may stand still.
    for (let i = 0; i < 15; i++) {
      client.socket.write(bytes.subarray(i * 20, i * 20 + 20));
      await new Promise((resolve) => setTimeout(resolve, 80));
    }
    await client.closed;
    expect(parseResponses(client.received(), ['POST']).map(({ status }) => status)).toEqual([201]);
  });

  it('is disconnected between two requests without a response', async () => {
    using client = await open(scene.layover);
    client.socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.closed;
    expect(parseResponses(client.received(), ['GET']).map(({ status }) => status)).toEqual([200]);
  });
});

describe('a client with too many requests or connections', () => {
  it('gets 429 above its limit of requests, and other clients do not', async () => {
    const taking = await Promise.all(Array.from({ length: 3 }, () => open(scene.layover, '127.0.0.2')));
    for (const { socket } of taking) {
      socket.pause();
      socket.write(`GET /v2/team/app/blobs/${huge.digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
    for (const { socket } of taking) await once(socket.resume(), 'data').then(() => socket.pause());
    using fourth = await open(scene.layover, '127.0.0.2');
    fourth.socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await Promise.all([fourth.closed, expectServed()]);
    const [response] = parseResponses(fourth.received(), ['GET']);
    expect([response?.status, response?.headers.get('retry-after')]).toEqual([429, '1']);
    expect(response?.body).toContain('TOOMANYREQUESTS');
    for (const client of taking) client[Symbol.dispose]();
    expect(await refusals('requests')).toBe(1);
  });

  it('can send another request when a response has ended', async () => {
    for (let i = 0; i < 10; i++) await expectServed();
    expect(await refusals('requests')).toBe(1);
  });

  it('gets no more connections, and other clients do', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(scene.layover, '127.0.0.3')));
    using more = await open(scene.layover, '127.0.0.3');
    await more.closed;
    expect(more.received().length).toBe(0);
    await expectServed();
    expect(await refusals('connections')).toBe(1);
    for (const client of clients) client[Symbol.dispose]();
  });
});

describe('a push', () => {
  const url = () => `${scene.layover.url}/v2/team/app`;
  const start = async () => {
    const response = await fetch(`${url()}/blobs/uploads/`, { method: 'POST' });
    return new URL(String(response.headers.get('location')), scene.layover.url).href;
  };
  const codes = async (response: Response) => {
    const { errors } = (await response.json()) as { errors: { code: string }[] };
    return [response.status, errors.map(({ code }) => code).join()];
  };

  it('of too large a manifest is refused with 413', async () => {
    const body = JSON.stringify({ schemaVersion: 2, annotations: { a: 'a'.repeat(1000) } });
    const response = await fetch(`${url()}/manifests/2`, { method: 'PUT', body });
    expect((await codes(response))[0]).toBe(413);
  });

  it('of too large a blob is refused with 413 SIZE_INVALID, monolithic or chunked, and nothing of it is kept', async () => {
    const before = await scene.layover.visibleBlobs();
    const body = Buffer.alloc(3001, 'a');
    const whole = await fetch(`${url()}/blobs/uploads/?digest=${digestOf(body)}`, { method: 'POST', body });
    expect(await codes(whole)).toEqual([413, 'SIZE_INVALID']);
    const first = await fetch(await start(), { method: 'PATCH', body: body.subarray(0, 2000) });
    expect(first.status).toBe(202);
    const next = new URL(String(first.headers.get('location')), scene.layover.url);
    const second = await fetch(next, { method: 'PATCH', body: body.subarray(2000) });
    expect(await codes(second)).toEqual([413, 'SIZE_INVALID']);
    expect((await fetch(next)).status).toBe(404);
    expect(await scene.layover.visibleBlobs()).toEqual(before);
  });

  it('of a stream without a length ends where it is too long', async () => {
    const location = await start();
    const body = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        controller.enqueue(Buffer.alloc(1000, 'a'));
      },
    });
    const response = await fetch(location, { method: 'PATCH', body, duplex: 'half' });
    expect(await codes(response)).toEqual([413, 'SIZE_INVALID']);
    expect((await fetch(location)).status).toBe(404);
  });

  it('of exactly the largest size is accepted', async () => {
    const body = Buffer.alloc(3000, 'b');
    const response = await fetch(`${url()}/blobs/uploads/?digest=${digestOf(body)}`, { method: 'POST', body });
    expect(response.status).toBe(201);
  });

  it('that is refused while it is sent reports the reason, and no more of it is read', async () => {
    using client = await open(scene.layover);
    const length = 50 * 1024 * 1024;
    client.socket.write(`PUT /v2/team/app/manifests/2 HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    const piece = Buffer.alloc(64 * 1024);
    const sending = setInterval(() => client.socket.write(piece), 20);
    await client.closed;
    clearInterval(sending);
    const [response] = parseResponses(client.received(), ['PUT']);
    expect([response?.status, response?.headers.get('connection')]).toEqual([413, 'close']);
    expect(client.socket.bytesWritten).toBeLessThan(length);
  });
});

describe('a header', () => {
  it('of more than 64 KiB is refused with 431', async () => {
    const response = await ask(`${scene.layover.url}/v2/`, { headers: { 'x-long': 'a'.repeat(70_000) } });
    expect(errorOf(response)[0]).toBe(431);
  });
});
