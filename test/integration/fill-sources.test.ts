import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { type BlobBehaviour, startScriptedUpstream } from '../support/scripted-upstream.ts';
import { ask, finish, pull, readSome } from './pulling.ts';
import { expectNotStored, expectStored, storedRepositories } from './stored-data.ts';

const MIB = 1024 * 1024;
const bytes = randomBytes(2 * MIB);
const digest = digestOf(bytes);
const garbage = Buffer.alloc(MIB, 'garbage');
const SERVE: BlobBehaviour = { kind: 'serve', bytes };

/** A cache of `hub.example`, the default, and of `evil.example`. */
async function startScene(
  hubBlobs: Readonly<Record<string, BlobBehaviour>>,
  evilBlobs: Readonly<Record<string, BlobBehaviour>> = {},
  more: {
    readonly proxy?: ConfigObject;
    readonly storage?: ConfigObject;
    readonly ownProcess?: boolean;
    readonly clock?: FakeClock;
  } = {},
) {
  const hub = await startScriptedUpstream(hubBlobs);
  const evil = await startScriptedUpstream(evilBlobs);
  const upstreams = [
    { name: 'hub.example', remoteurl: hub.url, default: true },
    { name: 'evil.example', remoteurl: evil.url },
  ];
  const layover = await Layover.start({
    ownProcess: more.ownProcess ?? false,
    ...(more.clock && { clock: more.clock }),
    config: { proxy: { upstreams, ...more.proxy }, ...(more.storage && { storage: more.storage }) },
  });
  return {
    hub,
    evil,
    layover,
    url: (repository: string, of: string = digest) => `${layover.url}/v2/${repository}/blobs/${of}`,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await evil[Symbol.asyncDispose]();
    },
  };
}

/** Asks, and leaves as soon as the headers are in, or after a while. */
async function askAndLeave(url: string): Promise<void> {
  const answer = ask(url);
  await Promise.race([answer, delay(500)]);
  void answer.then((response) => response.destroy());
}

/** What an upstream left unfinished may still lie beside it. */
async function expectOnlyVisible(layover: Layover, wanted: string): Promise<void> {
  const visible = async () => (await layover.visibleBlobs()).map((blob) => blob.digest);
  await expect.poll(visible, { timeout: 20_000 }).toEqual([wanted]);
  await expectNotStored(layover, [digestOf(garbage)]);
}

describe('a blob that is being filled', () => {
  it.each([
    ['GET', {}],
    ['a range', { headers: { range: 'bytes=0-9' } }],
    ['a range far ahead', { headers: { range: `bytes=${2 * MIB - 5}-` } }],
    ['HEAD', { method: 'HEAD' }],
  ] as const)('is refused to repositories whose upstream does not have it: %s', async (_how, options) => {
    await using scene = await startScene({
      'team/private': { kind: 'trickle', size: bytes.length, bytes, perSecond: 0 },
    });
    const own = await ask(scene.url('team/private'));
    await readSome(own, 1_000);
    const strangers = await Promise.all(['mallory/x', 'evil.example/x'].map((name) => pull(scene.url(name), options)));
    for (const { status, size } of strangers) {
      expect(status).toBe(404);
      expect(size).toBeLessThan(500);
    }
    own.destroy();
    expect((await storedRepositories(scene.layover.dataDirectory)).join()).not.toMatch(/mallory|evil/);
  });

  it('is shared by the repositories of its upstream that have it, and is fetched once', async () => {
    const slowly: BlobBehaviour = { kind: 'trickle', size: bytes.length, bytes: bytes.subarray(0, MIB), perSecond: 0 };
    await using scene = await startScene({ 'team/a': slowly, 'team/b': SERVE });
    const first = await ask(scene.url('team/a'));
    const head = await readSome(first, MIB / 2);
    const second = pull(scene.url('team/b'));
    expect(await second).toMatchObject({ status: 200, complete: true, digest });
    expect(await finish(first)).toMatchObject({ complete: true, size: bytes.length - head.length });
    // The stalled source was replaced, and only the missing half was asked for.
    expect(scene.hub.requests.filter(({ method }) => method === 'GET')).toEqual([
      { method: 'GET', repository: 'team/a', range: undefined },
      { method: 'GET', repository: 'team/b', range: `bytes=${MIB}-` },
    ]);
    await scene.layover.settled();
    await expectStored(scene.layover, [digest]);
    expect(await storedRepositories(scene.layover.dataDirectory)).toEqual(['hub.example/team/a', 'hub.example/team/b']);
  });

  it('fails for the repository that is refused, and for no other that asked meanwhile', async () => {
    await using scene = await startScene({ 'team/late': { kind: 'refuse', afterMs: 1_500 }, 'team/b': SERVE });
    const refused = pull(scene.url('team/late'));
    await delay(300);
    expect(await pull(scene.url('team/b'))).toMatchObject({ status: 200, complete: true, digest });
    expect(await refused).toMatchObject({ status: 404 });
    await scene.layover.settled();
    await expectStored(scene.layover, [digest]);
    expect(await storedRepositories(scene.layover.dataDirectory)).toEqual(['hub.example/team/b']);
  });
});

describe('an upstream that does not have the blob, hangs or lies', () => {
  it.each<[string, BlobBehaviour]>([
    ['says 404 late', { kind: 'refuse', afterMs: 3_000 }],
    ['hangs', { kind: 'hang', size: bytes.length }],
    ['trickles', { kind: 'trickle', size: bytes.length, perSecond: 300 }],
    ['sends garbage and cuts', { kind: 'cut', size: bytes.length, bytes: garbage }],
    ['announces another size', { kind: 'trickle', size: 99, bytes: garbage.subarray(0, 50), perSecond: 10 }],
  ])('and %s changes nothing for clients of another', async (_what, behaviour) => {
    await using scene = await startScene({ 'lib/app': SERVE }, { x: behaviour });
    const theirs = ask(scene.url('evil.example/x')).then((answer) => answer.destroy());
    await delay(400);
    for (let pulls = 0; pulls < 2; pulls++) {
      expect(await pull(scene.url('lib/app'))).toMatchObject({ status: 200, complete: true, digest });
    }
    expect(scene.hub.count('GET')).toBe(1);
    await expectOnlyVisible(scene.layover, digest);
    void theirs.catch(() => undefined);
  });

  it('leaves nothing that a fill from another resumes', async () => {
    await using scene = await startScene(
      { 'lib/app': SERVE },
      { x: { kind: 'cut', size: bytes.length, bytes: garbage } },
    );
    expect(await pull(scene.url('evil.example/x'))).toMatchObject({ complete: false });
    expect(await pull(scene.url('lib/app'))).toMatchObject({ status: 200, complete: true, digest });
    expect(scene.hub.requests).toContainEqual({ method: 'GET', repository: 'lib/app', range: undefined });
    await scene.layover.waitForOutput(/err\.message="evil\.example: 404"/);
    expect(scene.layover.output).not.toContain('a fault of ours');
  });

  it('is followed by verified bytes once another upstream sent them, if it confirmed that it has the blob', async () => {
    const half: BlobBehaviour = { kind: 'trickle', size: bytes.length, bytes: bytes.subarray(0, MIB), perSecond: 0 };
    await using scene = await startScene({ 'lib/app': SERVE }, { x: half });
    const stalled = await ask(scene.url('evil.example/x'));
    expect(await pull(scene.url('lib/app'))).toMatchObject({ digest });
    expect(await finish(stalled)).toMatchObject({ status: 200, complete: true, digest });
    await expectStored(scene.layover, [digest]);
  });

  it('breaks one pull of another repository of the same upstream at most', async () => {
    await using scene = await startScene({
      'lib/app': SERVE,
      liar: { kind: 'cut', size: bytes.length, bytes: garbage },
    });
    const pulls: boolean[] = [];
    for (let tries = 0; tries < 3; tries++) {
      await pull(scene.url('liar'));
      const pulled = await pull(scene.url('lib/app'));
      if (pulled.complete) expect(pulled.digest).toBe(digest);
      pulls.push(pulled.complete);
    }
    expect(pulls.slice(1)).toEqual([true, true]);
    await expectOnlyVisible(scene.layover, digest);
  });
});

describe('bytes left by a fill that was killed', () => {
  it('are served to no repository before its upstream confirms the blob, however complete they are', async () => {
    const most = bytes.subarray(0, -1);
    const left = { kind: 'trickle', size: bytes.length, bytes: most, perSecond: 0 } as const;
    await using scene = await startScene({ 'team/private': left }, {}, { ownProcess: true });
    const own = await ask(scene.url('team/private'));
    await readSome(own, bytes.length - 100_000).catch(() => undefined);
    await expect.poll(async () => (await scene.layover.spools())[0]?.size).toBe(most.length);
    await scene.layover.kill();
    const [spool] = await scene.layover.spools();
    await appendFile(spool?.path ?? '', bytes.subarray(most.length));
    await scene.layover.restart();
    expect(await pull(scene.url('mallory/x'))).toMatchObject({ status: 404 });
    await expectNotStored(scene.layover, [digest]);
    expect(await storedRepositories(scene.layover.dataDirectory)).toEqual([]);
  });
});

describe('slots for fills', () => {
  it('are not all taken by one slow upstream', async () => {
    const slow: BlobBehaviour = { kind: 'trickle', size: 900_000_000, perSecond: 4_000 };
    await using scene = await startScene({ 'lib/app': SERVE }, { x: slow }, { proxy: { fills: { maxconcurrent: 4 } } });
    const others = Array.from({ length: 8 }, (_, i) => scene.url('evil.example/x', digestOf(Buffer.from(`${i}`))));
    const held = await Promise.all(others.slice(0, 3).map((url) => ask(url)));
    const startedAt = Date.now();
    const pulled = await pull(scene.url('lib/app'));
    expect(pulled).toMatchObject({ complete: true, digest, headers: { 'x-cache': 'MISS' } });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    for (const answer of held) answer.destroy();
  });

  it('are given up by fills without clients when others wait', async () => {
    const slow: BlobBehaviour = { kind: 'trickle', size: 900_000_000, perSecond: 4_000 };
    await using scene = await startScene(
      { 'lib/app': SERVE, slow },
      {},
      { proxy: { fills: { maxconcurrent: 2, maxperupstream: 2 } } },
    );
    for (const name of ['1', '2', '3']) await askAndLeave(scene.url('slow', digestOf(Buffer.from(name))));
    expect(await pull(scene.url('lib/app'))).toMatchObject({ complete: true, digest, headers: { 'x-cache': 'MISS' } });
    await expect.poll(async () => (await scene.layover.visibleBlobs()).map((blob) => blob.digest)).toEqual([digest]);
  });

  it('are waited for only so long: then the blob is fetched beyond the limit, once for all clients', async () => {
    const slow: BlobBehaviour = { kind: 'trickle', size: 900_000_000, perSecond: 4_000 };
    const clock = new FakeClock();
    const proxy = { fills: { maxconcurrent: 1 } };
    await using scene = await startScene({ 'lib/app': SERVE, slow }, {}, { proxy, clock });
    const held = await ask(scene.url('slow', digestOf(Buffer.from('held'))));
    const pulled = await clock.advanceUntil(Promise.all(Array.from({ length: 6 }, () => pull(scene.url('lib/app')))));
    for (const answer of pulled) expect(answer).toMatchObject({ complete: true, digest });
    expect(scene.hub.count('GET', 'lib/app')).toBe(1);
    await expectOnlyVisible(scene.layover, digest);
    held.destroy();
  });
});

describe('a size that is announced and does not come', () => {
  it('evicts nothing, and takes no space from others', async () => {
    const announced: BlobBehaviour = { kind: 'trickle', size: 29_000_000, perSecond: 1 };
    const blobs = Array.from({ length: 5 }, () => randomBytes(2 * MIB));
    const hubBlobs = Object.fromEntries(blobs.map((blob, i) => [`lib/${i}`, { kind: 'serve', bytes: blob } as const]));
    await using scene = await startScene(hubBlobs, { x: announced }, { storage: { quota: { size: '30MB' } } });
    const all = blobs.map((blob, i) => scene.url(`lib/${i}`, digestOf(blob)));
    for (const url of all) expect(await pull(url)).toMatchObject({ complete: true });
    await expectStored(
      scene.layover,
      blobs.map((blob) => digestOf(blob)),
    );
    for (let i = 0; i < 5; i++) await askAndLeave(scene.url('evil.example/x', digestOf(Buffer.from(`${i}`))));
    for (const url of all) expect((await pull(url)).headers['x-cache']).toBe('HIT');
  });
});

describe('many ranges of a cold blob', () => {
  it('make few requests to the upstream', async () => {
    const large = randomBytes(24 * MIB);
    const slowly: BlobBehaviour = { kind: 'serve', bytes: large };
    await using scene = await startScene({ 'lib/app': slowly });
    const ranges = Array.from({ length: 1_000 }, (_, i) => `${i * 24_000}-${i * 24_000 + 99}`);
    const pulled = await pull(scene.url('lib/app', digestOf(large)), {
      headers: { range: `bytes=${ranges.join(',')}` },
    });
    expect(pulled).toMatchObject({ status: 206, complete: true });
    expect(pulled.start.includes(large.subarray(24_000, 24_100))).toBe(true);
    expect(scene.hub.count('GET')).toBeLessThanOrEqual(10);
    await expectStored(scene.layover, [digestOf(large)]);
  });

  it('that cannot be kept either', async () => {
    const large = randomBytes(24 * MIB);
    await using scene = await startScene(
      { 'lib/app': { kind: 'serve', bytes: large } },
      {},
      { proxy: { fills: { maxspool: '1KiB' } } },
    );
    const ranges = Array.from({ length: 1_000 }, (_, i) => `${i * 24_000}-${i * 24_000 + 99}`);
    const pulled = await pull(scene.url('lib/app', digestOf(large)), {
      headers: { range: `bytes=${ranges.join(',')}` },
    });
    expect(pulled).toMatchObject({ status: 206, complete: true });
    expect(pulled.start.includes(large.subarray(48_000, 48_100))).toBe(true);
    expect(scene.hub.count('GET')).toBeLessThanOrEqual(10);
    await expectNotStored(scene.layover, [digestOf(large)]);
  });
});
