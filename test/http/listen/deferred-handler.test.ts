import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';

import { deferHandler } from '../../../src/http/listen/deferred-handler.ts';

/** Runs a handler that loads another one, which responds with the body that it got. */
async function serve(load: () => Promise<RequestListener>) {
  const errors: unknown[] = [];
  const server = createServer(deferHandler(load, (error) => errors.push(error)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = async (body: string) => {
    const response = await fetch(url, { method: 'POST', body });
    return [response.status, await response.text()];
  };
  return { errors, post, [Symbol.dispose]: () => void server.close() };
}

const echo: RequestListener = (req, res) => void req.pipe(res);

it('the first request loads a handler that gets all requests, with their bodies', async () => {
  let loads = 0;
  using server = await serve(async () => {
    loads++;
    return echo;
  });
  expect(await Promise.all([server.post('one'), server.post('two')])).toEqual([
    [200, 'one'],
    [200, 'two'],
  ]);
  expect(await server.post('three')).toEqual([200, 'three']);
  expect([loads, server.errors]).toEqual([1, []]);
});

it('a handler that cannot be loaded is reported, and loaded by the next request', async () => {
  const missing = new Error('no such module');
  const results = [Promise.reject(missing), Promise.resolve(echo)];
  results.forEach((result) => result.catch(() => {}));
  using server = await serve(() => results.shift() ?? expect.unreachable());
  expect(await server.post('one')).toEqual([500, '']);
  expect(await server.post('two')).toEqual([200, 'two']);
  expect(server.errors).toEqual([missing]);
});
