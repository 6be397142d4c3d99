import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { LookupFunction, Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { BlobConnections } from '../../../src/upstream/connections/blob-connections.ts';
import { bytesOf, readAll } from '../../support/read-body.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { connect, failureOf } from '../support/connect.ts';
import { plain, type Respond, startWire } from '../support/wire-server.ts';

const blob = randomBytes(300_000);
const digest = digestOf(blob);
const serve: Respond = (socket) => void socket.write(plain(blob));

type Upstream = ReturnType<typeof connect>['upstream'];
const pull = async (upstream: Upstream) => bytesOf((await upstream.openBlob('a', digest)).body);
const pullAll = (upstream: Upstream, count: number) =>
  Promise.all(Array.from({ length: count }, () => pull(upstream).then((bytes) => bytes.equals(blob))));

describe('a connection', () => {
  it('is used for one blob after another', async () => {
    await using registry = await startWire(serve);
    await using up = connect(registry.url);
    for (let i = 0; i < 5; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect([registry.requests.length, registry.connections]).toEqual([5, 1]);
    expect(registry.requests[0]?.split('\r\n')).toEqual([
      `GET /v2/a/blobs/${digest} HTTP/1.1`,
      `host: 127.0.0.1:${registry.port}`,
      'connection: keep-alive',
      'accept: */*',
      'accept-encoding: identity',
      'user-agent: layover/1.2.3',
    ]);
  });

  it.each(['Connection: close', 'Keep-Alive: timeout=1'])('is not used again after %j', async (field) => {
    await using registry = await startWire((socket) => void socket.write(plain(blob, `${field}\r\n`)));
    await using up = connect(registry.url);
    for (let i = 0; i < 2; i++) await pull(up.upstream);
    expect(registry.connections).toBe(2);
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it('that the server closes is not used again', async () => {
    await using registry = await startWire((socket) => void socket.end(plain(blob)));
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect(registry.sockets.size).toBeLessThanOrEqual(1);
  });

  it('that was kept and closes instead of a response is replaced, once', async () => {
    await using registry = await startWire((socket, { nth }) => {
      if (nth === 1) socket.write(plain(blob));
      else socket.destroy();
    });
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect([registry.requests.length, registry.connections]).toEqual([5, 3]);
    expect(up.events('retried')).toEqual([]);
  });

  it('that is new and closes instead of a response is a failure', async () => {
    await using registry = await startWire((socket) => void socket.end());
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.openBlob('a', digest));
    expect([error.kind, error.message]).toEqual(['network', expect.stringContaining('other side closed')]);
  });

  it('is not used again when more bytes came than announced', async () => {
    const forged = plain(Buffer.from('forged'));
    await using registry = await startWire((socket) => void socket.write(Buffer.concat([plain(blob), forged])));
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect(registry.connections).toBe(3);
  });

  it('is not used again when bytes come that were not requested', async () => {
    let last: Socket | undefined;
    await using registry = await startWire((socket) => {
      last = socket;
      socket.write(plain(blob));
    });
    await using up = connect(registry.url);
    await pull(up.upstream);
    const closed = once(last as Socket, 'close');
    last?.write(plain(Buffer.from('forged')));
    await closed;
    expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect(registry.connections).toBe(2);
  });

  it('is used again after a small response that is not a blob, and not after a large one', async () => {
    const sizes = [1_000, 60_000, 1_000_000, 10];
    await using registry = await startWire((socket, { head }) => {
      if (head.includes('/target')) socket.write(plain(blob));
      else socket.write(plain(Buffer.alloc(sizes.shift() ?? 0), 'Location: /target\r\n', '307 Temporary Redirect'));
    });
    await using up = connect(registry.url);
    for (let i = 0; i < 4; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect([registry.requests.length, registry.connections]).toEqual([8, 2]);
  });

  it('is closed when its body is closed before the end', async () => {
    await using registry = await startWire(serve);
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', digest);
    await body.read(Buffer.alloc(10));
    body.close();
    await expect(body.read(Buffer.alloc(10))).rejects.toMatchObject({ kind: 'network' });
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it('is closed when the signal of a body aborts that is not read', async () => {
    await using registry = await startWire((socket) => void socket.write(plain(blob).subarray(0, 100_000)));
    await using up = connect(registry.url);
    const stop = new AbortController();
    const { body } = await up.upstream.openBlob('a', digest, { signal: stop.signal });
    stop.abort(new Error('the client left'));
    await expect.poll(() => registry.sockets.size).toBe(0);
    await expect(body.read(Buffer.alloc(10))).rejects.toThrow('the client left');
  });

  it('ends with the upstream, whether it is used or kept', async () => {
    await using registry = await startWire((socket, { nth }) => {
      if (registry.requests.length === 1) socket.write(plain(blob));
      else if (nth > 0) socket.write(plain(blob).subarray(0, 1_000));
    });
    await using up = connect(registry.url);
    await pull(up.upstream);
    const { body } = await up.upstream.openBlob('a', digest);
    const reading = readAll(body);
    await up.upstream.close();
    expect((await reading).failure).toMatchObject({ name: 'UpstreamError', kind: 'network' });
    await expect.poll(() => registry.sockets.size).toBe(0);
    expect((await failureOf(up.upstream.openBlob('a', digest))).kind).toBe('network');
  });
});

describe('connections', () => {
  it('to one origin are at most 64, and all requests get theirs', async () => {
    let most = 0;
    await using registry = await startWire((socket) => {
      most = Math.max(most, registry.sockets.size);
      setTimeout(() => socket.write(plain(blob)), 20);
    });
    await using up = connect(registry.url);
    expect(new Set(await pullAll(up.upstream, 150))).toEqual(new Set([true]));
    expect(most).toBeLessThanOrEqual(64);
    expect(registry.requests).toHaveLength(150);
  });

  it('can be waited for, and the wait ends with its signal', async () => {
    const held: Socket[] = [];
    await using registry = await startWire((socket) => void held.push(socket));
    await using up = connect(registry.url);
    const first = pullAll(up.upstream, 64);
    await expect.poll(() => held.length).toBe(64);
    const stop = new AbortController();
    const waiting = up.upstream.openBlob('a', digest, { signal: stop.signal });
    const patient = pull(up.upstream);
    stop.abort(new Error('the client left'));
    await expect(waiting).rejects.toThrow('the client left');
    for (const socket of held.splice(0)) socket.write(plain(blob));
    expect(new Set(await first)).toEqual(new Set([true]));
    await expect.poll(() => held.length).toBe(1);
    held[0]?.write(plain(blob));
    expect((await patient).equals(blob)).toBe(true);
    expect(registry.requests).toHaveLength(65);
  });

  it('are free again after failures of all kinds', async () => {
    const faults: Respond[] = [
      (socket) => void socket.destroy(),
      (socket) => void socket.write('nonsense'),
      (socket) => void socket.end(plain(blob).subarray(0, 5_000)),
      (socket) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense'),
    ];
    let isWell = false;
    await using registry = await startWire((socket, request) => {
      if (isWell) serve(socket, request);
      else faults[registry.requests.length % faults.length]?.(socket, request);
    });
    const connections = new BlobConnections(OPTIONS);
    const url = new URL(`${registry.url}/blob`);
    const request = () => connections.request({ ...REQUEST, url, signal: new AbortController().signal });
    const pullOnce = async () => bytesOf((await request()).body).catch(() => undefined);
    await Promise.allSettled(Array.from({ length: 40 }, pullOnce));
    isWell = true;
    const bodies = await Promise.all(Array.from({ length: 10 }, pullOnce));
    expect(bodies.every((body) => body?.equals(blob))).toBe(true);
    connections.close();
    await expect.poll(() => registry.sockets.size).toBe(0);
  });
});

const lookupOf =
  (...addresses: string[]): LookupFunction =>
  (_name, options, callback) => {
    const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all === true) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };
const OPTIONS = {
  maxConnections: 4,
  keepAliveMs: 5_000,
  maxHeaderBytes: 32 * 1024,
  timeoutMs: 5_000,
  lookup: lookupOf('127.0.0.1'),
  tls: {},
};

const REQUEST = { headers: {}, headersMs: 5_000, idleMs: 5_000 };

describe('a host name', () => {
  const get = (url: string, options: Partial<typeof OPTIONS>) =>
    new BlobConnections({ ...OPTIONS, ...options }).request({
      ...REQUEST,
      url: new URL(url),
      signal: new AbortController().signal,
    });

  it('is resolved by the given function, whose refusal is the error', async () => {
    const refused = new Error('an internal address');
    await using registry = await startWire(serve);
    const lookup: LookupFunction = (_name, _options, callback) => callback(refused, []);
    await expect(get(`http://cdn.example:${registry.port}/`, { lookup })).rejects.toBe(refused);
    const { body } = await get(`http://cdn.example:${registry.port}/`, {});
    expect((await bytesOf(body)).equals(blob)).toBe(true);
    expect(registry.requests[0]).toContain(`host: cdn.example:${registry.port}`);
  });

  it('of several addresses is reached at the one that accepts connections', async () => {
    await using registry = await startWire((socket) => void socket.write(plain(blob, 'Connection: close\r\n')));
    for (const addresses of [
      ['::1', '127.0.0.1'],
      ['127.0.0.2', '127.0.0.1'],
    ]) {
      const { body } = await get(`http://cdn.example:${registry.port}/`, { lookup: lookupOf(...addresses) });
      expect((await bytesOf(body)).equals(blob)).toBe(true);
    }
  });
});

describe('a server that is silent', () => {
  it('before its head ends fails as timeout', async () => {
    await using registry = await startWire((socket) => void socket.write('HTTP/1.1 200 OK\r\n'));
    await using up = connect(registry.url, { timeouts: { headersMs: 150 } });
    expect((await failureOf(up.upstream.openBlob('a', digest))).kind).toBe('timeout');
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it('in TLS fails as timeout', async () => {
    await using registry = await startWire(() => undefined);
    const url = registry.url.replace('http:', 'https:');
    await using up = connect(url, { timeouts: { connectMs: 150 } });
    expect((await failureOf(up.upstream.openBlob('a', digest))).kind).toBe('timeout');
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it('within a body fails as timeout after the bytes that came', async () => {
    await using registry = await startWire((socket) => void socket.write(plain(blob).subarray(0, 20_000)));
    await using up = connect(registry.url, { timeouts: { idleMs: 150 } });
    const { bytes, failure } = await readAll((await up.upstream.openBlob('a', digest)).body);
    expect(bytes.equals(blob.subarray(0, bytes.length)) && bytes.length > 19_000).toBe(true);
    expect(failure).toMatchObject({ name: 'UpstreamError', kind: 'timeout' });
    await expect.poll(() => registry.sockets.size).toBe(0);
  });
});

describe('a response that is unusual', () => {
  const chunks = Buffer.concat([Buffer.from(`${blob.length.toString(16)}\r\n`), blob, Buffer.from('\r\n0\r\n\r\n')]);
  it.each([
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunks],
    ['without a length', 'HTTP/1.1 200 OK\r\n\r\n', blob],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n', blob],
    [
      'after an interim one',
      `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${blob.length}\r\n\r\n`,
      blob,
    ],
    [
      'with a large head',
      `HTTP/1.1 200 OK\r\nContent-Length: ${blob.length}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      blob,
    ],
  ])('%s is received after one request', async (_, head, body) => {
    await using registry = await startWire((socket) => void socket.end(Buffer.concat([Buffer.from(head), body])));
    await using up = connect(registry.url);
    expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect([registry.requests.length, registry.connections]).toEqual([1, 1]);
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\n'],
    ['a length that is not a number', 'Content-Length: 5x\r\n\r\n'],
    ['a NUL', 'Content-Length: 5\r\nx: a\0b\r\n\r\n'],
    ['a bare LF', 'Content-Length: 5\r\nx: a\nb\r\n\r\n'],
    ['an endless head', `Content-Length: 5\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`],
  ])('with %s is a protocol error', async (_, rest) => {
    await using registry = await startWire((socket) => void socket.end(`HTTP/1.1 200 OK\r\n${rest}bytes`));
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.openBlob('a', digest))).kind).toBe('protocol');
    await expect.poll(() => registry.sockets.size).toBe(0);
  });

  it('ends with the signal of its reader', async () => {
    await using registry = await startWire((socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nbytes'));
    await using up = connect(registry.url);
    const stop = new AbortController();
    const { body } = await up.upstream.openBlob('a', digest, { signal: stop.signal });
    const reading = readAll(body);
    stop.abort(new Error('the client left'));
    expect((await reading).failure).toBe(stop.signal.reason);
    await expect.poll(() => registry.sockets.size).toBe(0);
  });
});

describe('a blob by TLS', () => {
  async function startTls(respond: Respond) {
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
      ],
    });
    const seen: { isResumed: boolean; servername: unknown; protocol: unknown }[] = [];
    const options = { cert: pems.cert, key: pems.private, ALPNProtocols: ['h2', 'http/1.1'] };
    const registry = await startWire(
      (socket, request) => {
        const tls = socket as TLSSocket & { servername: unknown };
        seen.push({ isResumed: tls.isSessionReused(), servername: tls.servername, protocol: tls.alpnProtocol });
        respond(socket, request);
      },
      (onSocket) => createTlsServer(options, onSocket).on('tlsClientError', () => undefined),
    );
    return { registry, seen, certificate: pems.cert, url: `https://localhost:${registry.port}` };
  }

  it('is received from a server with a configured CA, and later connections resume its session', async () => {
    const { registry, seen, url, certificate } = await startTls(
      (socket) => void socket.write(plain(blob, 'Connection: close\r\n')),
    );
    await using _ = registry;
    await using directory = await temporaryDirectory();
    const caFile = join(directory.path, 'ca.pem');
    await writeFile(caFile, certificate);
    await using up = connect(url, { tls: { caFile, insecure: false } });
    for (let i = 0; i < 3; i++) expect((await pull(up.upstream)).equals(blob)).toBe(true);
    expect(seen).toMatchObject([{ isResumed: false }, { isResumed: true }, { isResumed: true }]);
    expect(seen[0]).toMatchObject({ servername: 'localhost', protocol: 'http/1.1' });
  });

  it('is not received from a server that is not trusted', async () => {
    const { registry, url } = await startTls(serve);
    await using _ = registry;
    await using up = connect(url);
    const error = await failureOf(up.upstream.openBlob('a', digest));
    expect([error.kind, error.message]).toEqual(['network', expect.stringContaining('self-signed certificate')]);
    expect(registry.requests).toEqual([]);
  });

  it('keeps its connection, and a slow reader gets the right bytes', async () => {
    const large = randomBytes(8 * 1024 * 1024);
    const { registry, url } = await startTls((socket) => void socket.write(plain(large)));
    await using _ = registry;
    await using up = connect(url, { tls: { caFile: undefined, insecure: true } });
    for (const size of [1_000_000, 1_000, 100_000]) {
      const { body } = await up.upstream.openBlob('a', digestOf(large));
      const [chunks, memory]: [Buffer[], Buffer] = [[], Buffer.alloc(size)];
      for (let length = await body.read(memory); length > 0; length = await body.read(memory)) {
        chunks.push(Buffer.from(memory.subarray(0, length)));
        if (chunks.length % 16 === 0) await new Promise(setImmediate);
      }
      expect(Buffer.concat(chunks).equals(large)).toBe(true);
    }
    expect(registry.connections).toBe(1);
  });
});
