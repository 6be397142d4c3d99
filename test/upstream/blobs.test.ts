import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { chunksOf } from '../../src/stream/byte-reader.ts';
import { bytesOf, readAll } from '../support/read-body.ts';
import { connect, failureOf } from './support/connect.ts';
import { startRaw } from './support/raw-server.ts';
import { blob, blobDigest } from './support/samples.ts';
import { sendBlob } from './support/send-blob.ts';
import { type Script, startScripted } from './support/scripted-server.ts';

const serve: Script = (req, res) => sendBlob(req, res, blob);

describe('opening a blob', () => {
  it('streams the whole of it and reports its bytes once', async () => {
    await using registry = await startScripted(serve);
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', blobDigest);
    expect(opened).toMatchObject({ size: blob.length, start: 0 });
    expect((await bytesOf(opened.body)).equals(blob)).toBe(true);
    expect(registry.seen[0]?.headers.range).toBeUndefined();
    expect(registry.seen[0]?.headers['accept-encoding']).toBe('identity');
    expect(up.events('bytesReceived')).toMatchObject([{ kind: 'blob', bytes: blob.length }]);
  });

  it.each([
    [{ start: 1_000 }, 'bytes=1000-', blob.subarray(1_000)],
    [{ start: 5, end: 6 }, 'bytes=5-5', blob.subarray(5, 6)],
    [{ end: 10 }, 'bytes=0-9', blob.subarray(0, 10)],
    [{ start: 7, end: blob.length + 100 }, `bytes=7-${blob.length + 99}`, blob.subarray(7)],
  ])('starts and ends where %j says', async (options, range, bytes) => {
    await using registry = await startScripted(serve);
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', blobDigest, options);
    expect(opened).toMatchObject({ size: blob.length, start: 'start' in options ? options.start : 0 });
    expect((await bytesOf(opened.body)).equals(Buffer.from(bytes))).toBe(true);
    expect(registry.seen[0]?.headers.range).toBe(range);
  });

  it('starts at 0 when the upstream ignores the range', async () => {
    await using registry = await startScripted((_req, res) => void res.writeHead(200).end(blob));
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', blobDigest, { start: 1_000 });
    expect(opened).toMatchObject({ start: 0, size: undefined });
    expect((await bytesOf(opened.body)).equals(blob)).toBe(true);
  });

  it.each([
    ['another start', 'bytes 0-4/5'],
    ['a short end', 'bytes 5-9/300000'],
    ['nonsense', 'bytes 5-9/7'],
    ['nothing', undefined],
  ])('refuses a partial response with %s in Content-Range', async (_, contentRange) => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(206, { ...(contentRange && { 'content-range': contentRange }), 'content-length': 5 });
      res.end('bytes');
    });
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.openBlob('a', blobDigest, { start: 5 }));
    expect(error.kind).toBe('protocol');
    expect(error.options.status).toBe(206);
  });

  it('refuses a partial response whose lengths contradict each other', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(206, { 'content-range': 'bytes 5-9/10', 'content-length': 4 }).end('byte');
    });
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.openBlob('a', blobDigest, { start: 5 }))).kind).toBe('protocol');
  });

  it('reports a range that does not exist as a protocol error, with the size at the upstream', async () => {
    await using registry = await startScripted(serve);
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.openBlob('a', blobDigest, { start: blob.length }));
    expect(error.kind).toBe('protocol');
    expect(error.options.status).toBe(416);
    expect(error.message).toContain(`bytes */${blob.length}`);
  });

  it('knows the size of a body that is only labelled as encoded, by its digest', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': blob.length }).end(blob);
    });
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', blobDigest);
    expect(opened.size).toBe(blob.length);
    expect((await bytesOf(opened.body)).equals(blob)).toBe(true);
  });

  it('reports the bytes of a large blob while it is received, and all of them in the end', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': 20 * chunk.length });
      for (let i = 0; i < 20; i++) res.write(chunk);
      res.end();
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest);
    await bytesOf(body);
    const reports = up.events('bytesReceived').map(({ bytes }) => bytes);
    expect(reports).toHaveLength(3);
    expect(reports.reduce((sum, bytes) => sum + bytes, 0)).toBe(20 * chunk.length);
  });

  it('keeps a slow reader for longer than the idle timeout, and keeps no more than buffers in memory', async () => {
    const size = 64 * 1024 * 1024;
    let written = 0;
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': size });
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const more = () => {
        while (written < size) {
          written += chunk.length;
          if (!res.write(chunk)) return;
        }
        res.end();
      };
      res.on('drain', more);
      more();
    });
    await using up = connect(registry.url, { timeouts: { idleMs: 200 } });
    const { body } = await up.upstream.openBlob('a', blobDigest);
    const head = Buffer.alloc(1024);
    const read = await body.read(head);
    // Longer than the timeout and the half second that its timer may be late.
    await sleep(1_500);
    expect(written).toBeLessThan(size);
    const hash = createHash('sha256').update(head.subarray(0, read));
    for await (const chunk of chunksOf(body, Buffer.alloc(64 * 1024))) hash.update(chunk);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(size, 'x')).digest('hex'));
  });
});

describe('a blob that breaks', () => {
  it.each([
    ['with a Content-Length', { 'content-length': String(blob.length) }],
    ['in chunks', {}],
  ])('is an error, never an end, when sent %s', async (_, headers: Record<string, string>) => {
    let cut = () => {};
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, headers);
      res.write(blob.subarray(0, 1_000));
      cut = () => res.socket?.end();
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest);
    const { bytes, failure } = await readAll(body, () => cut());
    expect(bytes).toEqual(blob.subarray(0, 1_000));
    expect(failure).toMatchObject({ name: 'UpstreamError', kind: 'network' });
    expect(up.events('bytesReceived')).toMatchObject([{ bytes: 1_000 }]);
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
  });

  it('is an error when the connection is reset', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': blob.length });
      res.write(blob.subarray(0, 1_000), () => res.socket?.resetAndDestroy());
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest);
    expect((await readAll(body)).failure).toMatchObject({ name: 'UpstreamError', kind: 'network' });
  });

  it('is an error when a range without a Content-Length ends early', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(206, { 'content-range': 'bytes 5-9/10', connection: 'close' });
      res.end('byt');
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest, { start: 5 });
    const { failure } = await readAll(body);
    expect(failure).toMatchObject({ kind: 'network', message: expect.stringContaining('fewer than the 5 bytes') });
  });

  it('is an error when garbage follows the headers', async () => {
    await using registry = await startRaw((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense');
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest);
    expect((await readAll(body)).failure).toMatchObject({ name: 'UpstreamError', kind: 'protocol' });
  });

  it('is an error when more bytes arrive than announced', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('bytes and more');
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest, { start: 5 });
    expect((await readAll(body)).failure).toMatchObject({ kind: 'protocol' });
  });

  it('times out when no more bytes arrive', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': blob.length });
      res.write(blob.subarray(0, 1_000));
    });
    await using up = connect(registry.url, { timeouts: { idleMs: 200 } });
    const { body } = await up.upstream.openBlob('a', blobDigest);
    const { bytes, failure } = await readAll(body);
    expect(bytes).toEqual(blob.subarray(0, 1_000));
    expect(failure).toMatchObject({ name: 'UpstreamError', kind: 'timeout' });
  });

  it('ends with the reason of the caller who aborts', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': blob.length });
      res.write(blob.subarray(0, 1_000));
    });
    await using up = connect(registry.url);
    const aborter = new AbortController();
    const { body } = await up.upstream.openBlob('a', blobDigest, { signal: aborter.signal, deadlineMs: 60_000 });
    const reason = new Error('enough');
    const reading = readAll(body);
    aborter.abort(reason);
    expect((await reading).failure).toBe(reason);
  });

  it('frees the connection when the reader closes it, and ends a pending read', async () => {
    let closed: Promise<unknown> | undefined;
    await using registry = await startScripted((_req, res) => {
      closed = once(res, 'close');
      res.writeHead(200, { 'content-length': blob.length });
      res.write(blob.subarray(0, 1_000));
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest);
    const reading = body.read(Buffer.alloc(2_000)).then(() => body.read(Buffer.alloc(1)));
    body.close();
    await expect(reading).rejects.toThrow();
    await closed;
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
  });
});

describe('resolving a blob', () => {
  it('takes one HEAD', async () => {
    await using registry = await startScripted(serve);
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', blobDigest)).toEqual({ size: blob.length });
    expect(registry.lines()).toEqual([`HEAD /v2/a/blobs/${blobDigest}`]);
  });

  it('requests the first byte where the redirect target is signed only for GET', async () => {
    await using cdn = await startScripted((req, res, seen) =>
      req.method === 'HEAD' ? void res.writeHead(403).end() : serve(req, res, seen),
    );
    await using registry = await startScripted((_req, res) => void res.writeHead(307, { location: cdn.url }).end());
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', blobDigest)).toEqual({ size: blob.length });
    expect(cdn.seen.at(-1)).toMatchObject({ method: 'GET', headers: { range: 'bytes=0-0' } });
  });

  it('finds an empty blob also without a response to HEAD', async () => {
    await using registry = await startScripted((req, res) => {
      if (req.method === 'HEAD') res.writeHead(200, { 'transfer-encoding': 'chunked' }).end();
      else res.writeHead(416, { 'content-range': 'bytes */0' }).end();
    });
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', digestOf(Buffer.alloc(0)))).toEqual({ size: 0 });
  });

  it('has no size where neither HEAD nor GET states it', async () => {
    await using registry = await startScripted(
      (_req, res) => void res.writeHead(200, { 'transfer-encoding': 'chunked' }).end(blob),
    );
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', blobDigest)).toEqual({ size: undefined });
  });

  it('does not trust a HEAD that states no bytes, and uses GET', async () => {
    await using registry = await startScripted((req, res, seen) =>
      req.method === 'HEAD' ? void res.writeHead(200, { 'content-length': 0 }).end() : serve(req, res, seen),
    );
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', blobDigest)).toEqual({ size: blob.length });
  });

  it.each([
    ['200', 200, { 'content-length': 0 }],
    ['416', 416, { 'content-range': 'bytes */0' }],
  ])('is an error when HEAD and GET say that something has no bytes, by %s', async (_how, status, headers) => {
    await using registry = await startScripted((_req, res) => void res.writeHead(status, headers).end());
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.resolveBlob('a', blobDigest))).kind).toBe('protocol');
    expect((await failureOf(up.upstream.openBlob('a', blobDigest))).kind).toBe('protocol');
  });

  it('is not-found when it is not there', async () => {
    await using registry = await startScripted((_req, res) => void res.writeHead(404).end());
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.resolveBlob('a', blobDigest));
    expect(error.kind).toBe('not-found');
    expect(error.message).toBe('up: 404');
  });
});
