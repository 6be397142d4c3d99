import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';
import { ask, pull } from './pulling.ts';
import { expectNotStored, expectStored, storedRepositories } from './stored-data.ts';

const MIB = 1024 * 1024;
const bytes = randomBytes(2 * MIB);
const digest = digestOf(bytes);

interface Asked {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** First byte asked for; undefined without a range. */
  readonly start: number | undefined;
  /** Of this repository before: 0 for the first `GET`. */
  readonly gets: number;
}

type Behaviours = Readonly<Record<string, (asked: Asked) => void>>;

interface SceneOptions {
  readonly proxy?: ConfigObject;
  readonly storage?: ConfigObject;
  readonly clock?: FakeClock;
}

/** A cache of `hub.example`, the default, and of `evil.example`, whose repositories do as they are told. */
async function startScene(hubBlobs: Behaviours, evilBlobs: Behaviours = {}, more: SceneOptions = {}) {
  const requests: string[] = [];
  const start = (behaviours: Behaviours) => {
    const counts = new Map<string, number>();
    return startServer((req, res) => {
      const [, repository = ''] = /^\/v2\/(.+)\/blobs\//.exec(req.url ?? '') ?? [];
      const behave = behaviours[repository];
      if (!behave) return void res.writeHead(404).end();
      requests.push(`${req.method} ${repository} ${req.headers.range ?? ''}`.trim());
      const gets = counts.get(repository) ?? 0;
      if (req.method === 'GET') counts.set(repository, gets + 1);
      const [, from] = /^bytes=(\d+)-/.exec(req.headers.range ?? '') ?? [];
      behave({ req, res, gets, start: from === undefined ? undefined : Number(from) });
    });
  };
  const [hub, evil] = [await start(hubBlobs), await start(evilBlobs)];
  const upstreams = [
    { name: 'hub.example', remoteurl: hub.url, default: true },
    { name: 'evil.example', remoteurl: evil.url },
  ];
  const { proxy, clock, ...rest } = more;
  const layover = await Layover.start({
    config: { ...rest, proxy: { upstreams, ...proxy } },
    ...(clock && { clock }),
  });
  return {
    requests,
    layover,
    url: (repository: string, of: string = digest) => `${layover.url}/v2/${repository}/blobs/${of}`,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await evil[Symbol.asyncDispose]();
    },
  };
}

function serve({ req, res, start }: Asked, blob: Buffer = bytes): void {
  const from = start ?? 0;
  const [, to] = /-(\d+)$/.exec(req.headers.range ?? '') ?? [];
  const end = to ? Math.min(Number(to) + 1, blob.length) : blob.length;
  if (from > 0 && from >= blob.length)
    return void res.writeHead(416, { 'content-range': `bytes */${blob.length}` }).end();
  const range = start === undefined ? {} : { 'content-range': `bytes ${from}-${end - 1}/${blob.length}` };
  res.writeHead(start === undefined ? 200 : 206, { 'content-length': end - from, ...range });
  res.end(req.method === 'HEAD' ? undefined : blob.subarray(from, end));
}

/** Without `Content-Length`, and in answer to `HEAD` too. */
function serveChunked({ req, res }: Asked, blob: Buffer = bytes): void {
  res.writeHead(200, { 'transfer-encoding': 'chunked' });
  res.end(req.method === 'HEAD' ? undefined : blob);
}

/** Announces `size`, and sends enough not to be taken for stalled. */
function trickle({ req, res }: Asked, size = 900_000_000): void {
  res.writeHead(200, { 'content-length': size });
  if (req.method === 'HEAD') return void res.end();
  res.flushHeaders();
  const timer = setInterval(() => res.write(Buffer.alloc(800)), 100);
  res.on('close', () => clearInterval(timer));
}

/** What others left unfinished may still lie beside it. */
async function expectOnlyVisible(layover: Layover, wanted: string): Promise<void> {
  const visible = async () => (await layover.visibleBlobs()).map((blob) => blob.digest);
  await expect.poll(visible, { timeout: 20_000 }).toEqual([wanted]);
}

describe('an upstream that says that a blob has no bytes', () => {
  it.each([
    ['GET', {}, {}],
    ['a range', { headers: { range: 'bytes=0-10' } }, {}],
    ['HEAD', { method: 'HEAD' }, {}],
    ['GET of what is not kept', {}, { proxy: { fills: { maxspool: '1KiB' } } }],
  ] as const)('is not believed when the blob has some: %s', async (_how, options, config) => {
    const empty = ({ res }: Asked) => void res.writeHead(200, { 'content-length': 0 }).end();
    await using scene = await startScene({ x: empty }, {}, config);
    expect(await pull(scene.url('x'), options)).toMatchObject({ status: 502 });
    await expectNotStored(scene.layover, [digest]);
  });
});

describe('a blob whose size its upstream does not tell', () => {
  it.each([0, 1, 70_000])('is served alike to GET and HEAD of every repository: %d bytes', async (size) => {
    const blob = Buffer.alloc(size, 'x');
    const chunked = (asked: Asked) => serveChunked(asked, blob);
    await using scene = await startScene({ a: (asked) => serve(asked, blob), b: chunked, c: chunked }, { d: chunked });
    const of = digestOf(blob);
    for (const name of ['c', 'a', 'b', 'evil.example/d']) {
      const url = scene.url(name, of);
      const heads = await pull(url, { method: 'HEAD' });
      expect(heads).toMatchObject({ status: 200, headers: { 'content-length': `${size}` } });
      const gets = await Promise.all([1, 2, 3].map(() => pull(url)));
      for (const got of gets) expect(got).toMatchObject({ status: 200, complete: true, digest: of });
    }
    await expectStored(scene.layover, [of]);
  });

  it('waits for a slot, as it cannot stream through', async () => {
    const clock = new FakeClock();
    const proxy = { fills: { maxconcurrent: 1 } };
    await using scene = await startScene({ x: serveChunked, slow: trickle }, {}, { proxy, clock });
    const held = await ask(scene.url('slow', digestOf(Buffer.from('held'))));
    const pulled = await clock.advanceUntil(pull(scene.url('x')));
    held.destroy();
    expect(pulled).toMatchObject({ status: 200, complete: true, digest });
    await expectOnlyVisible(scene.layover, digest);
  });

  it('streams through where HEAD tells it', async () => {
    await using scene = await startScene(
      { x: (asked) => (asked.req.method === 'HEAD' ? serve(asked) : serveChunked(asked)) },
      {},
      { proxy: { fills: { maxspool: '1KiB' } } },
    );
    expect(await pull(scene.url('x'))).toMatchObject({ status: 200, complete: true, digest });
  });
});

describe('an upstream that announces more than may be kept', () => {
  it('keeps nobody from keeping what another upstream has', async () => {
    await using scene = await startScene({ a: serve }, { x: (asked) => trickle(asked, 900_000_000_000) });
    (await ask(scene.url('evil.example/x'))).destroy();
    expect(await pull(scene.url('a'))).toMatchObject({ complete: true, digest, headers: { 'x-cache': 'MISS' } });
    await scene.layover.settled();
    await expectStored(scene.layover, [digest]);
  });
});

describe('a fill whose bytes another upstream has sent before it began', () => {
  it('leaves no client waiting whose repository was not asked for them', async () => {
    const fills = { maxconcurrent: 2, maxperupstream: 1 };
    await using scene = await startScene({ a: serve, b: serve, slow: trickle }, { x: serve }, { proxy: { fills } });
    const held = await ask(scene.url('slow', digestOf(Buffer.from('held'))));
    const first = pull(scene.url('a'));
    await delay(300);
    const joined = pull(scene.url('b'));
    await delay(300);
    expect(await pull(scene.url('evil.example/x'))).toMatchObject({ complete: true, digest });
    await expectOnlyVisible(scene.layover, digest);
    await delay(200);
    held.destroy();
    expect(await joined).toMatchObject({ status: 200, complete: true, digest });
    expect(await Promise.race([first, delay(10_000)])).toMatchObject({ status: 200, complete: true, digest });
  });
});

describe('what an earlier fill left', () => {
  it('is not replaced under clients that have read it', async () => {
    const part = (res: ServerResponse, from: number, sent: Buffer) => {
      const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
      res.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...(from > 0 && range) });
      res.write(sent, () => setTimeout(() => res.destroy(), 200));
    };
    await using scene = await startScene({
      a: (asked) => {
        const { res, start = 0, gets } = asked;
        if (asked.req.method === 'HEAD' || gets > 4) serve(asked);
        else if (gets === 0) part(res, 0, Buffer.alloc(MIB, 'garbage'));
        else if (gets === 1) res.writeHead(404).end();
        else if (gets === 2) part(res, start, bytes.subarray(start, start + 100_000));
        else if (start > 0) res.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
        else serve(asked);
      },
    });
    expect(await pull(scene.url('a'))).toMatchObject({ complete: false });
    const second = await pull(scene.url('a'));
    expect(second.complete && second.digest !== digest).toBe(false);
    expect(await pull(scene.url('a'))).toMatchObject({ status: 200, complete: true, digest });
    await expectStored(scene.layover, [digest]);
  });
});

describe('many clients of a cold blob', () => {
  it('of another repository ask its upstream once whether that has it', async () => {
    await using scene = await startScene({
      a: ({ res }) => {
        res.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, MIB));
        setTimeout(() => res.end(bytes.subarray(MIB)), 1_500);
      },
      b: (asked) => void setTimeout(() => serve(asked), 200),
    });
    const first = pull(scene.url('a'));
    await delay(300);
    const others = await Promise.all(Array.from({ length: 50 }, () => pull(scene.url('b'))));
    for (const pulled of [...others, await first]) expect(pulled).toMatchObject({ complete: true, digest });
    expect(scene.requests.filter((request) => request === 'HEAD b').length).toBe(1);
    await scene.layover.settled();
    expect(await storedRepositories(scene.layover.dataDirectory)).toEqual(['hub.example/a', 'hub.example/b']);
  });

  it('who left before the headers came hold no slot', async () => {
    const headers = { 'content-length': 900_000_000 };
    const late = ({ res }: Asked) => void setTimeout(() => res.writeHead(200, headers).flushHeaders(), 1_500);
    await using scene = await startScene({ a: serve, late }, {}, { proxy: { fills: { maxconcurrent: 1 } } });
    const left = new AbortController();
    const asked = fetch(scene.url('late', digestOf(Buffer.from('left'))), { signal: left.signal });
    await delay(500);
    left.abort();
    await asked.catch(() => undefined);
    expect(await pull(scene.url('a'))).toMatchObject({ complete: true, digest, headers: { 'x-cache': 'MISS' } });
  });
});
