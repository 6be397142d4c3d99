import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import { connect, failureOf } from './support/connect.ts';
import { startRaw } from './support/raw-server.ts';
import { blobDigest, LATEST, MANIFEST_TYPE, manifest } from './support/samples.ts';
import { type Script, sendError, sendJson, startScripted } from './support/scripted-server.ts';

const sendManifest: Script = (_req, res) => void res.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(manifest);

/** A port without a listener. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('an upstream that', () => {
  it('refuses connections fails as network', async () => {
    const port = await deadPort();
    await using up = connect(`http://127.0.0.1:${port}`);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('network');
    expect(error.message).toBe(`up: 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    expect(up.events('exchangeCompleted').map(({ status }) => status)).toEqual([
      'error:network',
      'error:network',
      'error:network',
    ]);
    expect(up.events('retried')).toHaveLength(2);
  });

  it('does not exist fails as network, at once', async () => {
    await using up = connect('http://registry.invalid');
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('network');
  });

  it('does not respond fails as timeout, once', async () => {
    await using registry = await startScripted(() => {});
    await using up = connect(registry.url, { timeouts: { headersMs: 200 } });
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('timeout');
    expect(registry.seen).toHaveLength(1);
  });

  it('does not end its headers fails as timeout', async () => {
    await using registry = await startRaw((socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-type: te'));
    await using up = connect(registry.url, { timeouts: { headersMs: 200 } });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('timeout');
  });

  it('goes silent in a manifest fails as timeout', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': manifest.length });
      res.write(manifest.subarray(0, 5));
    });
    await using up = connect(registry.url, { timeouts: { idleMs: 200 } });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('timeout');
  });

  it('sends a header without end fails as protocol, after a bounded number of bytes', async () => {
    let written = 0;
    const flood = (socket: Socket) => {
      while (!socket.destroyed && socket.write('x'.repeat(16 * 1024))) written += 16 * 1024;
    };
    await using registry = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-endless: ');
      socket.on('drain', () => flood(socket));
      flood(socket);
    });
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('protocol');
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  it('sends headers without end fails as protocol', async () => {
    await using registry = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      socket.write('x-header: value\r\n'.repeat(10_000));
    });
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('protocol');
  });

  it('does not speak HTTP fails as protocol', async () => {
    await using registry = await startRaw((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('protocol');
  });

  it('hangs up before its response is retried', async () => {
    await using registry = await startScripted((req, res, seen) =>
      seen.length === 1 ? void res.destroy() : sendManifest(req, res, seen),
    );
    await using up = connect(registry.url);
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(registry.seen).toHaveLength(2);
  });
});

describe('a response of', () => {
  it.each([
    [400, 'protocol', 1],
    [401, 'unauthorized', 1],
    [403, 'denied', 1],
    [404, 'not-found', 1],
    [429, 'throttled', 1],
    [500, 'server', 3],
    [502, 'server', 3],
    [503, 'server', 3],
    [504, 'server', 3],
    [507, 'server', 1],
  ] as const)('%i fails as %s after %i requests', async (status, kind, requests) => {
    await using registry = await startScripted((_req, res) => sendError(res, status, 'CODE', 'a\nreason'));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error).toMatchObject({ kind, message: `up: ${status} CODE: a reason` });
    expect(error.options).toMatchObject({ upstream: 'up', status, code: 'CODE' });
    expect(registry.seen).toHaveLength(requests);
  });

  it('429 in plain text is read', async () => {
    await using registry = await startScripted((_req, res) => void res.writeHead(429).end('Too Many Requests\n'));
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).message).toBe('up: 429: Too Many Requests');
  });

  it.each(['{"errors":', '{"errors":[]}', '{"errors":[{"code":5}]}', 'null', '<html>502</html>', 'x'.repeat(70_000)])(
    'an error without a message is reported by its status',
    async (body) => {
      await using registry = await startScripted(
        (_req, res) => void res.writeHead(403, { 'content-type': 'application/json' }).end(body),
      );
      await using up = connect(registry.url);
      expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).message).toBe('up: 403');
    },
  );

  it('an error that quotes a signed URL does not pass it on', async () => {
    await using registry = await startScripted((_req, res) =>
      sendError(res, 403, 'DENIED', 'see https://cdn.example/x?X-Amz-Signature=abc now'),
    );
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.message).toBe('up: 403 DENIED: see https://cdn.example/x now');
  });

  it('an error is read in time that grows with its length', async () => {
    const urls = 'http://'.repeat(9_000);
    await using registry = await startScripted((_req, res) => void res.writeHead(403).end(`${urls} a?b`));
    await using up = connect(registry.url);
    const before = performance.now();
    for (let i = 0; i < 5; i++) {
      expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).message).toMatch(/^up: 403: http:\/\/http/);
    }
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

describe('Retry-After', () => {
  it('is waited for when it is short', async () => {
    await using registry = await startScripted((req, res, seen) =>
      seen.length === 1 ? sendJson(res, 429, {}, { 'retry-after': '1' }) : sendManifest(req, res, seen),
    );
    const clock = new FakeClock();
    const startedAt = clock.now();
    await using up = connect(registry.url, { clock });
    const fetched = await clock.advanceUntil(up.upstream.fetchManifest('a', LATEST), 50);
    expect(fetched.bytes).toEqual(manifest);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(1_000);
    expect(up.events('retried')).toEqual([
      { event: 'retried', upstream: 'up', operation: 'manifest', reason: '429', delayMs: 1_000 },
    ]);
  });

  it.each([429, 503])('that is long ends the call with %i, and reports the time', async (status) => {
    await using registry = await startScripted((_req, res) => sendJson(res, status, {}, { 'retry-after': '60' }));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.options).toMatchObject({ status, retryAfterMs: 60_000 });
    expect(registry.seen).toHaveLength(1);
  });

  it('beyond the deadline is not waited for', async () => {
    await using registry = await startScripted((_req, res) => sendJson(res, 503, {}, { 'retry-after': '2' }));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 1_500 }));
    expect(error.options.status).toBe(503);
  });
});

describe('a deadline', () => {
  it('ends a call that waits for headers or reads a body', async () => {
    const halfManifest: Script = (_req, res) => {
      res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': manifest.length });
      res.write(manifest.subarray(0, 5));
    };
    for (const script of [() => {}, halfManifest]) {
      await using registry = await startScripted(script);
      await using up = connect(registry.url);
      const error = await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 100 }));
      expect(error).toMatchObject({ kind: 'timeout', message: 'up: no response within 100 ms' });
    }
  });

  it('ends a call whose connection is not up yet', async () => {
    await using registry = await startRaw(() => {});
    await using up = connect(registry.url.replace('http:', 'https:'), { timeouts: { connectMs: 60_000 } });
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 100 }));
    expect(error.message).toBe('up: no response within 100 ms');
  });

  it('does not end a blob whose headers are in', async () => {
    let finish = () => {};
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': 2 });
      res.write('a');
      finish = () => void res.end('b');
    });
    await using up = connect(registry.url);
    const { body } = await up.upstream.openBlob('a', blobDigest, { deadlineMs: 300 });
    setTimeout(() => finish(), 600);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('ab');
  });
});

describe("a caller's signal", () => {
  it('ends the call with its own reason, before and while it runs', async () => {
    await using registry = await startScripted(() => {});
    await using up = connect(registry.url);
    const reason = new Error('client left');
    const aborter = new AbortController();
    const call = up.upstream.fetchManifest('a', LATEST, { signal: aborter.signal });
    aborter.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(up.upstream.fetchManifest('a', LATEST, { signal: aborter.signal })).rejects.toBe(reason);
  });
});

describe('the breaker', () => {
  /** A clock that stands still until it is set forward. */
  function stoppedClock() {
    let at = 1_000_000;
    return { now: () => at, pass: (ms: number) => void (at += ms) };
  }

  it('opens after three calls that fail, then fails at once, then lets one probe through', async () => {
    let isBroken = true;
    const clock = stoppedClock();
    await using registry = await startScripted((req, res, seen) =>
      isBroken ? void res.writeHead(503).end() : sendManifest(req, res, seen),
    );
    await using up = connect(registry.url, { now: clock.now });
    const ask = () => up.upstream.fetchManifest('a', LATEST);
    for (let i = 0; i < 3; i++) expect((await failureOf(ask())).options.status).toBe(503);
    const requests = registry.seen.length;

    const refused = await failureOf(ask());
    expect(refused).toMatchObject({ kind: 'unavailable', options: { retryAfterMs: 5_000 } });
    expect(registry.seen).toHaveLength(requests);
    expect(up.upstream.status()).toEqual({ breaker: 'open', retryAfterMs: 5_000 });

    clock.pass(5_000);
    isBroken = false;
    expect(up.upstream.status()).toEqual({ breaker: 'half-open' });
    const outcomes = await Promise.allSettled([ask(), ask(), ask()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(registry.seen).toHaveLength(requests + 1);
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
    const { host } = new URL(registry.url);
    expect(up.events('breakerChanged')).toMatchObject([
      { upstream: 'up', host, from: 'closed', to: 'open', reason: '503' },
      { from: 'open', to: 'half-open' },
      { from: 'half-open', to: 'closed' },
    ]);
  });

  it('counts deadlines, and not callers that leave', async () => {
    await using registry = await startScripted(() => {});
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) {
      const aborter = new AbortController();
      const call = up.upstream.fetchManifest('a', LATEST, { signal: aborter.signal });
      setTimeout(() => aborter.abort(new Error('left')), 20);
      await expect(call).rejects.toThrow('left');
    }
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
    for (let i = 0; i < 3; i++) await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 50 }));
    expect(up.upstream.status().breaker).toBe('open');
  });

  it.each([400, 401, 403, 404, 429, 501])('does not count %i', async (status) => {
    await using registry = await startScripted((_req, res) => void res.writeHead(status).end());
    await using up = connect(registry.url);
    for (let i = 0; i < 4; i++) await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
  });

  it('counts blobs of which not one byte came', async () => {
    await using registry = await startScripted((_req, res) => {
      res.writeHead(200, { 'content-length': 10 });
      res.flushHeaders();
      setTimeout(() => res.destroy(), 20);
    });
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) {
      const { body } = await up.upstream.openBlob('a', blobDigest);
      await expect(once(body, 'end')).rejects.toMatchObject({ kind: 'network' });
    }
    expect(up.upstream.status().breaker).toBe('open');
  });

  it('of a redirect target does not stop requests to the registry', async () => {
    await using cdn = await startScripted((_req, res) => void res.writeHead(503).end());
    await using registry = await startScripted((req, res, seen) =>
      req.url?.includes('/blobs/')
        ? void res.writeHead(307, { location: cdn.url }).end()
        : sendManifest(req, res, seen),
    );
    await using up = connect(registry.url);
    for (let i = 0; i < 3; i++) await failureOf(up.upstream.openBlob('a', blobDigest));
    expect((await failureOf(up.upstream.openBlob('a', blobDigest))).kind).toBe('unavailable');
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });
});

describe('mirrors', () => {
  it('are tried in order, before the registry', async () => {
    await using first = await startScripted((_req, res) => void res.writeHead(404).end());
    await using second = await startScripted(sendManifest);
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { mirrors: [first.url, second.url] });
    await up.upstream.fetchManifest('a', LATEST);
    expect([first, second, registry].map(({ seen }) => seen.length)).toEqual([1, 1, 0]);
  });

  it.each([401, 403, 404, 418, 429, 500, 503])('that return %i are tried once, then the registry', async (status) => {
    await using mirror = await startScripted((_req, res) => void res.writeHead(status).end());
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { mirrors: [mirror.url] });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(mirror.seen).toHaveLength(1);
  });

  it('that are dead or silent are passed, and skipped once that is known', async () => {
    await using silent = await startScripted(() => {});
    await using registry = await startScripted(sendManifest);
    const mirrors = [`http://127.0.0.1:${await deadPort()}`, silent.url];
    await using up = connect(registry.url, { mirrors, timeouts: { headersMs: 500 } });
    for (let i = 0; i < 4; i++) await up.upstream.fetchManifest('a', LATEST);
    expect(silent.seen).toHaveLength(3);
    expect(registry.seen).toHaveLength(4);
    expect(up.upstream.status()).toEqual({ breaker: 'closed' });
  });

  it("do not decide what the error is: the registry's counts", async () => {
    await using mirror = await startScripted((_req, res) => void res.writeHead(404).end());
    await using registry = await startScripted((_req, res) => sendError(res, 403, 'DENIED', 'no'));
    await using up = connect(registry.url, { mirrors: [mirror.url] });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('denied');
  });

  it("do not outlive the caller's deadline", async () => {
    await using mirror = await startScripted(() => {});
    await using registry = await startScripted(sendManifest);
    await using up = connect(registry.url, { mirrors: [mirror.url] });
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 100 }));
    expect(error.kind).toBe('timeout');
    expect(registry.seen).toEqual([]);
  });
});

describe('closing', () => {
  it('ends requests in progress', async () => {
    await using registry = await startScripted(() => {});
    const up = connect(registry.url);
    const call = failureOf(up.upstream.fetchManifest('a', LATEST));
    while (registry.seen.length === 0) await new Promise((resolve) => void setTimeout(resolve, 5));
    await up.upstream.close();
    expect((await call).kind).toBe('network');
  });
});
