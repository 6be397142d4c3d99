import { setImmediate as turn } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import type { UpstreamErrorKind } from '../../src/upstream/upstream.ts';
import type { FakeManifest } from '../support/fake-upstream.ts';
import { MINUTE_MS, startPulling } from './pulling-under-test.ts';

const MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json';
const app = { remote: 'library/app', stored: 'docker.io/library/app' };
const latest = { kind: 'tag', tag: 'latest' } as const;

function manifestOf(annotation: string): FakeManifest {
  const text = { schemaVersion: 2, mediaType: MEDIA_TYPE, manifests: [], annotations: { annotation } };
  const bytes = Buffer.from(JSON.stringify(text));
  return { bytes, mediaType: MEDIA_TYPE, digest: digestOf(bytes) };
}

const [first, second] = [manifestOf('first'), manifestOf('second')];

describe('a manifest', () => {
  it('that many clients pull at once is fetched once', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest(first, 'latest');
    const found = await Promise.all(Array.from({ length: 20 }, () => scene.manifests.get(app, latest)));
    expect(new Set(found.map(({ content }) => content.digest))).toEqual(new Set([first.digest]));
    expect([scene.upstream.count('resolveManifest'), scene.upstream.count('fetchManifest')]).toEqual([1, 1]);
    expect(await scene.store.tags.find(app.stored, 'latest')).toMatchObject({ digest: first.digest });
  });

  it('is fetched once, at whatever moments clients come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { minLength: 2, maxLength: 12 }), async (moments) => {
        await using scene = await startPulling();
        scene.upstream.addManifest(first, 'latest');
        const pulls = moments.map(async (turns) => {
          for (let i = 0; i < turns; i++) await turn();
          return scene.manifests.get(app, latest);
        });
        for (const { content } of await Promise.all(pulls)) expect(content.digest).toBe(first.digest);
        expect([scene.upstream.count('resolveManifest'), scene.upstream.count('fetchManifest')]).toEqual([1, 1]);
      }),
      { numRuns: 40 },
    );
  });

  it('is served from memory while its tag is fresh', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest(first, 'latest');
    expect(scene.manifests.inMemory(app, latest)).toBeUndefined();
    await scene.manifests.get(app, latest);
    expect(scene.manifests.inMemory(app, latest)?.bytes).toEqual(first.bytes);
    scene.clock.now += MINUTE_MS;
    expect(scene.manifests.inMemory(app, latest)).toBeUndefined();
    expect(scene.manifests.inMemory(app, { kind: 'digest', digest: first.digest })?.bytes).toEqual(first.bytes);
  });

  it('with other bytes than its digest is neither served nor stored', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest({ ...first, bytes: second.bytes }, 'latest');
    await expect(scene.manifests.get(app, latest)).rejects.toMatchObject({ kind: 'protocol' });
    expect(await scene.store.manifests.read(app.stored, first.digest)).toBeUndefined();
    expect(await scene.store.tags.find(app.stored, 'latest')).toBeUndefined();
  });

  it('is unknown offline unless it is stored', async () => {
    await using scene = await startPulling({ offline: true });
    await expect(scene.manifests.get(app, latest)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    expect(scene.upstream.calls).toEqual([]);
  });

  it('stored offline is confirmed for ever', async () => {
    await using scene = await startPulling({ offline: true });
    const manifest = { ...first, size: first.bytes.length };
    await scene.content.putManifest(app.stored, manifest, readManifest(first.bytes));
    await scene.store.tags.put(app.stored, 'latest', first.digest);
    scene.clock.now += 1_000 * MINUTE_MS;
    expect((await scene.manifests.get(app, latest)).outcome).toBe('HIT');
    expect(scene.manifests.held(app, latest)).toMatchObject({ digest: first.digest });
    expect(scene.manifests.held(app, latest)?.forMs).toBeUndefined();
    expect([scene.events, scene.upstream.calls]).toEqual([[], []]);
  });
});

describe('a tag past its TTL', () => {
  it('with revalidation in the background is a HIT until the upstream fails, and then STALE', async () => {
    await using scene = await startPulling({ policy: { revalidate: 'background' } });
    scene.upstream.addManifest(first, 'latest');
    await scene.manifests.get(app, latest);
    scene.upstream.addManifest(second, 'latest');
    scene.clock.now += MINUTE_MS;
    const served = await scene.manifests.get(app, latest);
    expect([served.outcome, served.content.digest]).toEqual(['HIT', first.digest]);
    await expect.poll(() => scene.tags.inMemory(app.stored, 'latest')?.digest).toBe(second.digest);
    expect((await scene.manifests.get(app, latest)).content.digest).toBe(second.digest);
    scene.upstream.failure = 'network';
    scene.clock.now += MINUTE_MS;
    expect((await scene.manifests.get(app, latest)).outcome).toBe('HIT');
    await expect.poll(() => scene.tags.inMemory(app.stored, 'latest')?.retryAt).toBeGreaterThan(scene.clock.now);
    scene.clock.now += 2 * MINUTE_MS;
    expect((await scene.manifests.get(app, latest)).outcome).toBe('STALE');
  });

  it('that moved is served with its new manifest', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest(first, 'latest');
    await scene.manifests.get(app, latest);
    scene.upstream.addManifest(second, 'latest');
    scene.clock.now += MINUTE_MS;
    expect(await scene.manifests.get(app, latest)).toMatchObject({
      content: { digest: second.digest },
      outcome: 'MISS',
    });
  });

  it.each<UpstreamErrorKind>(['network', 'timeout', 'server', 'throttled', 'denied'])(
    'is served stale when the upstream fails with %s, and revalidated only after a while',
    async (failure) => {
      await using scene = await startPulling();
      scene.upstream.addManifest(first, 'latest');
      await scene.manifests.get(app, latest);
      scene.upstream.failure = failure;
      scene.clock.now += MINUTE_MS;
      for (let i = 0; i < 3; i++) {
        expect(await scene.manifests.get(app, latest)).toMatchObject({
          outcome: 'STALE',
          content: { digest: first.digest },
        });
      }
      expect(scene.upstream.count('resolveManifest')).toBe(2);
      scene.clock.now += MINUTE_MS;
      scene.upstream.failure = undefined;
      expect(await scene.manifests.get(app, latest)).toMatchObject({ outcome: 'HIT' });
    },
  );

  it('that the upstream no longer has is reported as such by default', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest(first, 'latest');
    await scene.manifests.get(app, latest);
    scene.upstream.failure = 'not-found';
    scene.clock.now += MINUTE_MS;
    await expect(scene.manifests.get(app, latest)).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('is served with the manifest before when the upstream does not give the new one', async () => {
    await using scene = await startPulling();
    scene.upstream.addManifest(first, 'latest');
    await scene.manifests.get(app, latest);
    scene.upstream.addManifest({ ...second, bytes: Buffer.from('{}') }, 'latest');
    scene.clock.now += MINUTE_MS;
    expect(await scene.manifests.get(app, latest)).toMatchObject({
      outcome: 'STALE',
      content: { digest: first.digest },
    });
    expect(scene.events.at(-1)).toBe('stale latest');
  });
});
