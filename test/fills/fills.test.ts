import { setImmediate as turn } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { seededContent } from '../support/content.ts';
import { type BlobFault, FakeUpstream } from '../support/fake-upstream.ts';
import { startFills } from './fills-under-test.ts';

const SIZE = 150_000;
const content = Buffer.concat([...seededContent('fill', SIZE).read()]);
const digest = digestOf(content);

interface Client {
  readonly afterTurns: number;
  readonly repository: string;
  readonly leaveAfter: number | undefined;
}

/** A client that comes after so many turns of the event loop. */
const client: fc.Arbitrary<Client> = fc.record({
  afterTurns: fc.nat(60),
  repository: fc.constantFrom('library/app', 'library/other'),
  leaveAfter: fc.option(fc.integer({ min: 1, max: SIZE }), { nil: undefined }),
});
const clients = fc.array(client, { minLength: 1, maxLength: 6 });
const brokenOpening: fc.Arbitrary<BlobFault> = fc.oneof(
  fc.record({ kind: fc.constant('break' as const), after: fc.integer({ min: 1, max: SIZE }) }),
  fc.record({ kind: fc.constant('short' as const), by: fc.integer({ min: 1, max: SIZE - 1 }) }),
);

function startUpstream(faults: readonly BlobFault[] = []): FakeUpstream {
  const upstream = new FakeUpstream();
  upstream.addBlob(digest, content);
  upstream.faults.push(...faults);
  return upstream;
}

const isStartOfContent = (bytes: Buffer) => bytes.equals(content.subarray(0, bytes.length));

type Scene = Awaited<ReturnType<typeof startFills>>;

async function pullAll(scene: Scene, upstream: FakeUpstream, all: readonly Client[]) {
  return Promise.all(
    all.map(async ({ afterTurns, repository, leaveAfter }) => {
      for (let i = 0; i < afterTurns; i++) await turn();
      return scene.pull({ upstream, repository, digest, leaveAfter });
    }),
  );
}

describe('fills, whenever clients come and leave', () => {
  it('give each client that stays the whole blob, though its connections break, and fetch each byte once', async () => {
    await fc.assert(
      fc.asyncProperty(clients, fc.array(brokenOpening, { maxLength: 2 }), async (all, faults) => {
        await using scene = await startFills();
        const upstream = startUpstream(faults);
        const pulled = await pullAll(scene, upstream, all);
        await scene.idle();
        for (const [i, { bytes, error, hasLeft }] of pulled.entries()) {
          expect(isStartOfContent(bytes)).toBe(true);
          if (hasLeft && error !== undefined) continue;
          expect({ i, error, size: bytes.length }).toEqual({ i, error: undefined, size: SIZE });
        }
        expect(scene.storage.wrong).toEqual([]);
        expect(upstream.count('openBlob')).toBeLessThanOrEqual(1 + faults.length);
        expect(scene.ended.filter((event) => event === 'completed')).toHaveLength(1);
        expect([await scene.spoolFiles(), await scene.locks()]).toEqual([[], []]);
      }),
      { numRuns: 25 },
    );
  });

  it('give no client a whole blob of wrong bytes, store none, and keep none', async () => {
    await fc.assert(
      fc.asyncProperty(clients, async (all) => {
        await using scene = await startFills();
        const upstream = startUpstream(all.map(() => ({ kind: 'wrong' as const })));
        const pulled = await pullAll(scene, upstream, all);
        await scene.idle();
        const wholes = pulled.filter(({ bytes }) => bytes.length >= SIZE);
        expect(wholes.filter(({ bytes }) => !bytes.equals(content))).toEqual([]);
        for (const { bytes, error } of pulled) if (bytes.length < SIZE) expect(error).toBeDefined();
        expect(scene.storage.wrong).toEqual([]);
        expect([await scene.spoolFiles(), await scene.locks()]).toEqual([[], []]);
      }),
      { numRuns: 25 },
    );
  });

  it('leave on disk what can be resumed when they are stopped, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(clients, fc.nat(60), async (all, stopAfterTurns) => {
        await using scene = await startFills();
        const upstream = startUpstream();
        const pulling = pullAll(
          scene,
          upstream,
          all.map((one) => ({ ...one, afterTurns: 0 })),
        );
        for (let i = 0; i < stopAfterTurns; i++) await turn();
        await scene.fills.stop();
        for (const { bytes, error } of await pulling) {
          expect(isStartOfContent(bytes)).toBe(true);
          if (error === undefined) expect(bytes).toHaveLength(SIZE);
        }
        expect(scene.storage.wrong).toEqual([]);
        for (const spool of await scene.spoolFiles()) expect(isStartOfContent(spool)).toBe(true);
        expect(await scene.locks()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a fill', () => {
  it('continues after all of its clients have left, and the next client needs no upstream', async () => {
    await using scene = await startFills();
    const upstream = startUpstream();
    const pulled = await scene.pull({ upstream, repository: 'library/app', digest, leaveAfter: 1 });
    expect(pulled).toMatchObject({ hasLeft: true });
    await scene.idle();
    const next = await scene.pull({ upstream, repository: 'library/app', digest });
    expect(next.bytes.equals(content)).toBe(true);
    expect(upstream.count('openBlob')).toBe(1);
  });

  it('resumes what an earlier one left, from the same upstream', async () => {
    await using scene = await startFills();
    const upstream = startUpstream([{ kind: 'hang', after: 50_000 }]);
    const first = scene.pull({ upstream, repository: 'library/app', digest });
    await expect.poll(async () => (await scene.spoolFiles())[0]?.length, { interval: 1 }).toBe(50_000);
    await scene.fills.stop();
    expect((await first).error).toMatchObject({ code: 'UNAVAILABLE' });
    expect((await scene.spoolFiles()).map(({ length }) => length)).toEqual([50_000]);
    const next = await scene.pull({ upstream, repository: 'library/app', digest });
    expect(next.bytes.equals(content)).toBe(true);
    await scene.idle();
    expect(scene.ended).toEqual(['failed', 'resumed', 'completed']);
  });

  it('is joined by a repository only after the upstream confirmed the blob for it', async () => {
    await using scene = await startFills();
    const upstream = startUpstream();
    upstream.refused.set('library/secret', 'denied');
    const [own, other] = await Promise.all([
      scene.pull({ upstream, repository: 'library/app', digest }),
      scene.pull({ upstream, repository: 'library/secret', digest }),
    ]);
    await scene.idle();
    expect([own.error, own.bytes.equals(content)]).toEqual([undefined, true]);
    expect(other).toMatchObject({ error: { kind: 'denied' } });
    expect(other.bytes).toHaveLength(0);
    expect([...scene.storage.linked]).toEqual([`library/app@${digest}`]);
  });

  it.each(['not-found', 'denied', 'server'] as const)('that fails with %s leaves nothing', async (error) => {
    await using scene = await startFills();
    const upstream = startUpstream([{ kind: 'error', error }]);
    const pulled = await scene.pull({ upstream, repository: 'library/app', digest });
    await scene.idle();
    expect(pulled).toMatchObject({ error: { kind: error } });
    expect([await scene.spoolFiles(), await scene.locks(), [...scene.storage.linked]]).toEqual([[], [], []]);
  });

  it('is not shared between upstreams', async () => {
    await using scene = await startFills();
    const [good, evil] = [startUpstream(), new FakeUpstream('evil.example')];
    evil.addBlob(digest, Buffer.alloc(SIZE));
    const [own, other] = await Promise.all([
      scene.pull({ upstream: good, repository: 'library/app', digest }),
      scene.pull({ upstream: evil, repository: 'evil.example/app', digest }),
    ]);
    await scene.idle();
    expect([own.error, own.bytes.equals(content)]).toEqual([undefined, true]);
    // When its transfer ends after the good one, the rest of it came from storage.
    if (other.error === undefined) expect(other.bytes.equals(content)).toBe(true);
    else expect(other.bytes.length).toBeLessThan(SIZE);
    expect(scene.storage.wrong).toEqual([]);
  });
});
