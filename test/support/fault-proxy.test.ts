import { expect, it } from 'vitest';

import { FaultProxy } from './fault-proxy.ts';
import { startServer } from './start-server.ts';

const SIZE = 500_000;

async function startPair() {
  const server = await startServer((_req, res) => {
    res.writeHead(200, { 'content-length': SIZE, connection: 'close' }).end(Buffer.alloc(SIZE, 'x'));
  });
  const proxy = await FaultProxy.start(server.url);
  const pull = async (signal?: AbortSignal) => {
    const response = await fetch(proxy.url, { headers: { connection: 'close' }, ...(signal && { signal }) });
    return (await response.arrayBuffer()).byteLength;
  };
  return {
    proxy,
    pull,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

it('passes everything through when nothing is wrong, and counts it', async () => {
  await using pair = await startPair();
  expect(await pair.pull()).toBe(SIZE);
  expect(pair.proxy.counts.bytesFromTarget).toBeGreaterThan(SIZE);
  expect(pair.proxy.counts.connections).toBe(1);
});

it('cuts as often as it is told to, after as many bytes', async () => {
  await using pair = await startPair();
  pair.proxy.cut(100_000, 2);
  for (const expected of [100_000, 200_000]) {
    await expect(pair.pull()).rejects.toThrow();
    expect(pair.proxy.counts.bytesFromTarget).toBe(expected);
  }
  expect(await pair.pull()).toBe(SIZE);
});

it('refuses, swallows and accepts again', async () => {
  await using pair = await startPair();
  pair.proxy.refuse();
  await expect(pair.pull()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  await pair.proxy.accept();
  pair.proxy.blackHole();
  await expect(pair.pull(AbortSignal.timeout(200))).rejects.toMatchObject({ name: 'TimeoutError' });
  await pair.proxy.accept();
  expect(await pair.pull()).toBe(SIZE);
});

it('resets what is open', async () => {
  await using pair = await startPair();
  pair.proxy.blackHole();
  const pulling = expect(pair.pull()).rejects.toThrow('fetch failed');
  await expect.poll(() => pair.proxy.counts.connections).toBe(1);
  pair.proxy.killAll();
  await pulling;
});
