import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import type { ByteSource } from '../../src/stream/byte-source.ts';
import { seededContent } from '../support/content.ts';
import { startPulling } from './pulling-under-test.ts';

const bytes = Buffer.concat([...seededContent('pulled', 100_000).read()]);
const digest = digestOf(bytes);
const app = { remote: 'library/app', stored: 'docker.io/library/app' };
const other = { remote: 'library/other', stored: 'docker.io/library/other' };

async function isWhole(source: ByteSource): Promise<boolean> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of source.read({ start: 0, end: source.size })) chunks.push(Buffer.from(chunk));
  } finally {
    await source.close();
  }
  return Buffer.concat(chunks).equals(bytes);
}

type Scene = Awaited<ReturnType<typeof startPulling>>;

/** The outcome of a pull that gets all bytes. */
async function pull(scene: Scene, repository: typeof app): Promise<string> {
  const { content, outcome } = await scene.blobs.open(repository, digest);
  expect(await isWhole(content.source)).toBe(true);
  return outcome;
}

async function startWithBlob(options = {}) {
  const scene = await startPulling(options);
  scene.upstream.addBlob(digest, bytes);
  return scene;
}

async function isLinked({ store }: Scene, repository: typeof app): Promise<boolean> {
  return (await store.blobs.stat(repository.stored, digest)) !== undefined;
}

describe('a blob', () => {
  it('is fetched once for clients that come at once, and comes from storage afterwards', async () => {
    await using scene = await startWithBlob();
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => pull(scene, app)));
    expect(outcomes.toSorted()).toEqual([...Array.from({ length: 9 }, () => 'FILL'), 'MISS']);
    await expect.poll(() => isLinked(scene, app)).toBe(true);
    expect(await pull(scene, app)).toBe('HIT');
    expect(scene.upstream.calls).toEqual([`openBlob library/app ${digest}`]);
  });

  it('of another repository is linked after the upstream confirmed it, and not fetched again', async () => {
    await using scene = await startWithBlob();
    await pull(scene, app);
    await expect.poll(() => isLinked(scene, app)).toBe(true);
    expect(await pull(scene, other)).toBe('HIT');
    expect(scene.upstream.calls.slice(1)).toEqual([`resolveBlob library/other ${digest}`]);
    expect(await isLinked(scene, other)).toBe(true);
  });

  it.each(['denied', 'not-found', 'server'] as const)(
    'of another repository is not served when the upstream answers with %s',
    async (refusal) => {
      await using scene = await startWithBlob();
      await pull(scene, app);
      await expect.poll(() => isLinked(scene, app)).toBe(true);
      scene.upstream.refused.set('library/other', refusal);
      await expect(scene.blobs.open(other, digest)).rejects.toMatchObject({ kind: refusal });
      expect(await isLinked(scene, other)).toBe(false);
    },
  );

  it('is described without a download when the upstream returns its size', async () => {
    await using scene = await startWithBlob();
    expect(await scene.blobs.resolve(app, digest)).toMatchObject({
      content: { digest, size: bytes.length },
      outcome: 'MISS',
    });
    expect(scene.upstream.calls).toEqual([`resolveBlob library/app ${digest}`]);
  });

  it('is unknown offline, and no upstream is requested', async () => {
    await using scene = await startWithBlob({ offline: true });
    await expect(scene.blobs.open(app, digest)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    await expect(scene.blobs.resolve(app, digest)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(scene.upstream.calls).toEqual([]);
  });

  it('whose stored bytes are wrong is fetched again', async () => {
    const small = Buffer.from('a config');
    const smallDigest = digestOf(small);
    await using scene = await startPulling();
    scene.upstream.addBlob(smallDigest, small);
    scene.upstream.faults.push({ kind: 'wrong' });
    const { content: wrong } = await scene.blobs.open(app, smallDigest);
    await expect(isWhole(wrong.source)).rejects.toThrow();
    expect(await scene.store.blobs.stat(app.stored, smallDigest)).toBeUndefined();
    const { content } = await scene.blobs.open(app, smallDigest);
    expect(content.size).toBe(small.length);
    await content.source.close();
  });
});
