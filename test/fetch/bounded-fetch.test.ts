import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { boundedFetch, FetchTimeoutError } from '../../src/fetch/bounded-fetch.ts';
import { BodyTooLargeError } from '../../src/stream/bounded-body.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const LIMITS = { timeoutMs: 10_000, maxBytes: 100 };

async function serve(listener: RequestListener, path?: string) {
  const server = createServer(listener);
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  return {
    url: path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : '',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const echo: RequestListener = (req, res) => {
  const { 'x-a': header = '' } = req.headers;
  req.setEncoding('utf8').on('data', (text: string) => res.write(`${req.method} ${req.url} ${String(header)} ${text}`));
  req.on('end', () => res.end());
};

describe('a bounded fetch', () => {
  it('sends method, path, headers and body, and returns status and body', async () => {
    await using server = await serve(echo);
    const options = { method: 'POST', headers: { 'x-a': 'b' }, body: 'text', ...LIMITS };
    const { status, body } = await boundedFetch(`${server.url}/path?q`, options);
    expect([status, body.toString()]).toEqual([200, 'POST /path?q b text']);
  });

  it('connects to a Unix socket', async () => {
    await using directory = await temporaryDirectory();
    const socketPath = join(directory.path, 'socket');
    await using _ = await serve((req, res) => res.end(req.url), socketPath);
    expect((await boundedFetch('http://localhost/x', { socketPath, ...LIMITS })).body.toString()).toBe('/x');
  });

  it('follows as many redirects as it is allowed to', async () => {
    await using server = await serve((req, res) => {
      if (req.url === '/end') return res.end('there');
      return res.writeHead(302, { location: req.url === '/start' ? '/next' : '/end' }).end();
    });
    const fetched = (maxRedirects: number) => boundedFetch(`${server.url}/start`, { maxRedirects, ...LIMITS });
    expect((await fetched(2)).body.toString()).toBe('there');
    expect((await fetched(1)).status).toBe(302);
    expect((await boundedFetch(`${server.url}/start`, LIMITS)).status).toBe(302);
  });

  it('fails when the body is too large', async () => {
    await using server = await serve((_req, res) => res.end('x'.repeat(101)));
    await expect(boundedFetch(server.url, LIMITS)).rejects.toThrow(new BodyTooLargeError(100));
  });

  it.each([
    ['without a response', () => undefined],
    ['in the middle of the body', (_req, res) => void res.writeHead(200).write('half')],
  ] satisfies [string, RequestListener][])('fails after its time %s', async (_where, listener) => {
    await using server = await serve(listener);
    const fetching = boundedFetch(server.url, { timeoutMs: 50, maxBytes: 100 });
    await expect(fetching).rejects.toThrow(new FetchTimeoutError('no response within 50 ms'));
  });

  it('fails with the code of the network', async () => {
    const server = await serve(echo);
    await server[Symbol.asyncDispose]();
    await expect(boundedFetch(server.url, LIMITS)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('fails with a reason also for a name with several addresses', async () => {
    const server = await serve(echo);
    await server[Symbol.asyncDispose]();
    const fetching = boundedFetch(server.url.replace('127.0.0.1', 'localhost'), LIMITS);
    await expect(fetching).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it('fails when the body ends early', async () => {
    await using server = await serve((_req, res) => {
      res.writeHead(200, { 'content-length': 10 }).write('half');
      setImmediate(() => res.destroy());
    });
    await expect(boundedFetch(server.url, LIMITS)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
