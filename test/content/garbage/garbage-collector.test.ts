import { readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { CollectionRunningError } from '../../../src/content/garbage/collection-result.ts';
import {
  blobDataPath,
  COLLECTION,
  markedPath,
  layerLinkPath,
  revisionLinkPath,
  tagLinkPath,
} from '../../../src/content/paths.ts';
import { type Digest, digestOf } from '../../../src/oci/digest.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { imageOf, layer, openReplica, push } from './content-model.ts';
import { interceptWrites } from './intercepted-writes.ts';

/** Longer than a process relies on having seen no collection. Milliseconds. */
const NOTICED_MS = 100;

const shared = layer('shared');
const first = imageOf('first', [shared, layer('first')]);
const second = imageOf('second', [shared, layer('second')]);

async function scene() {
  const directory = await temporaryDirectory();
  const replica = await openReplica(directory.path);
  const has = (digest: Digest) => replica.store.bytes.has(digest);
  return {
    root: directory.path,
    ...replica,
    replica,
    has,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** As another registry may have left it. @param manifest an object, or what it is instead of one */
async function store({ driver }: Pick<Awaited<ReturnType<typeof scene>>, 'driver'>, manifest: object | string) {
  const bytes = Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  const digest = digestOf(bytes);
  await driver.writeSmall(blobDataPath(digest), bytes);
  await driver.writeSmall(revisionLinkPath('app', digest), Buffer.from(digest));
}

describe('a collection of garbage', () => {
  it('removes what a deleted image leaves behind, and nothing that another one needs', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await push(at.replica, 'app', second, '2');
    await at.store.manifests.deleteLink('app', first.digest);
    const result = await at.collect();
    const [config, , own] = first.blobs.map((blob) => blob.digest);
    expect(result.manifests).toEqual([]);
    expect(result.links.map(({ digest }) => digest).toSorted()).toEqual([config, own].toSorted());
    expect(result.blobs.map(({ digest }) => digest).toSorted()).toEqual([config, own, first.digest].toSorted());
    expect(result.bytes).toBe(
      first.bytes.length + (first.blobs[0]?.bytes.length ?? 0) + (first.blobs[2]?.bytes.length ?? 0),
    );
    expect([await at.has(first.digest), await at.has(shared.digest), await at.has(second.digest)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(await at.store.blobs.stat('app', shared.digest)).toBe(shared.bytes.length);
  });

  it('reports the same in a dry run, and removes nothing', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await at.store.manifests.deleteLink('app', first.digest);
    const before = await readdir(at.root, { recursive: true });
    const dry = await at.collect({ dryRun: true });
    expect((await readdir(at.root, { recursive: true })).toSorted()).toEqual(before.toSorted());
    expect(await at.collect()).toEqual(dry);
  });

  it('keeps untagged manifests unless configured otherwise; children of an index are not untagged', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first);
    await push(at.replica, 'app', second, '2');
    expect((await at.collect()).manifests).toEqual([]);
    const result = await at.collect({ deleteUntagged: true });
    expect(result.manifests).toEqual([{ repository: 'app', digest: first.digest }]);
    expect(at.forgotten).toContain(`app@${first.digest}`);
    expect(await at.store.manifests.find('app', second.digest)).toBeDefined();
  });

  it('keeps the referrers of an image as long as the image exists', async () => {
    await using at = await scene();
    const signature = imageOf('signature', [layer('signature')], first);
    await push(at.replica, 'app', first, '1');
    await push(at.replica, 'app', signature);
    expect((await at.collect({ deleteUntagged: true })).manifests).toEqual([]);
    await at.store.manifests.deleteLink('app', first.digest);
    expect((await at.collect({ deleteUntagged: true })).manifests.map(({ digest }) => digest)).toEqual([
      signature.digest,
    ]);
  });

  it('removes it with the other untagged ones if that is wanted', async () => {
    await using at = await scene();
    const signature = imageOf('signature', [layer('signature')], first);
    await push(at.replica, 'app', first, '1');
    await push(at.replica, 'app', signature);
    const result = await at.collect({ deleteUntagged: true, keepReferrers: false });
    expect(result.manifests.map(({ digest }) => digest)).toEqual([signature.digest]);
  });

  it('keeps young links, because their manifest may follow', async () => {
    await using at = await scene();
    const [old, young] = [layer('old'), layer('young')];
    for (const blob of [old, young]) await at.pushBlob('app', blob);
    const anHourAgo = new Date(Date.now() - 3_700_000);
    await utimes(join(at.root, layerLinkPath('app', old.digest)), anHourAgo, anHourAgo);
    const result = await at.collect({ graceMs: 3_600_000 });
    expect(result.blobs.map(({ digest }) => digest)).toEqual([old.digest]);
    expect([await at.has(old.digest), await at.has(young.digest)]).toEqual([false, true]);
  });

  it('leaves old links alone on which a client has come to rely since', async () => {
    await using at = await scene();
    const blob = layer('old');
    await at.pushBlob('app', blob);
    const anHourAgo = new Date(Date.now() - 3_700_000);
    await utimes(join(at.root, layerLinkPath('app', blob.digest)), anHourAgo, anHourAgo);
    expect(await at.store.blobs.protect('app', blob.digest)).toBe(blob.bytes.length);
    expect((await at.collect({ graceMs: 3_600_000 })).links).toEqual([]);
    expect(await at.has(blob.digest)).toBe(true);
  });

  it.each(['app', 'cached/library/app'])(
    'frees the bytes of links that distribution has deleted in %s',
    async (name) => {
      await using at = await scene();
      const blob = layer('deleted');
      await push(at.replica, name, first, '1');
      await push(at.replica, name, second, '2');
      await at.pushBlob(name, blob);
      // It removes the link, and leaves the directory; of a manifest and a tag as well.
      const links = [layerLinkPath(name, blob.digest), revisionLinkPath(name, first.digest), tagLinkPath(name, '1')];
      for (const link of links) await rm(join(at.root, link));
      for (const { digest } of first.blobs.filter((part) => part.digest !== shared.digest)) {
        await rm(join(at.root, layerLinkPath(name, digest)));
      }
      const result = await at.collect();
      expect(result.skipped).toEqual([]);
      const gone = [blob, first, ...first.blobs]
        .map(({ digest }) => digest)
        .filter((digest) => digest !== shared.digest);
      expect(result.blobs.map(({ digest }) => digest).toSorted()).toEqual(gone.toSorted());
      for (const digest of gone) expect(await at.has(digest)).toBe(false);
      for (const { digest } of [second, ...second.blobs]) expect(await at.has(digest)).toBe(true);
      expect((await at.store.tags.list(name))?.entries).toEqual(['2']);
    },
  );

  it('removes nothing of cached repositories except bytes without links', async () => {
    await using at = await scene();
    const [cached, loose] = [layer('cached'), layer('loose')];
    await at.pushBlob('cached/library/alpine', cached);
    await at.pushBlob('cached/library/alpine', loose);
    await at.store.blobs.deleteLink('cached/library/alpine', loose.digest);
    const result = await at.collect({ deleteUntagged: true });
    expect(result).toMatchObject({ manifests: [], links: [], blobs: [{ digest: loose.digest }] });
    expect(await at.store.blobs.stat('cached/library/alpine', cached.digest)).toBe(cached.bytes.length);
  });

  it('reports and skips a repository with a damaged manifest, and continues with the others', async () => {
    await using at = await scene();
    await push(at.replica, 'broken', first, '1');
    await push(at.replica, 'fine', second, '1');
    await at.store.manifests.deleteLink('fine', second.digest);
    await writeFile(join(at.root, blobDataPath(first.digest)), '{');
    const result = await at.collect({ deleteUntagged: true });
    expect(result.skipped).toEqual([{ repository: 'broken', reason: `${first.digest} is damaged or missing` }]);
    expect(result.links.every(({ repository }) => repository === 'fine')).toBe(true);
    for (const { digest } of first.blobs) expect(await at.store.blobs.stat('broken', digest)).toBeDefined();
    expect(await at.has(second.digest)).toBe(false);
  });

  it.each([
    ['no layers', { layers: undefined }],
    ['null for its layers', { layers: null }],
    ['a layer without size', { layers: [{ digest: shared.digest }] }],
    ['a layer of an algorithm that is not known', { layers: [{ digest: `blake3:${'a'.repeat(64)}`, size: 1 }] }],
    ['an empty subject', { subject: {} }],
    ['what an index has as well', { manifests: [] }],
    ['a number among its annotations', { annotations: { a: 1 } }],
  ])('collects a repository that has a manifest with %s like any other', async (_, more) => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await push(at.replica, 'app', second, '2');
    await store(at, { ...(JSON.parse(first.bytes.toString()) as object), ...more });
    await at.store.manifests.deleteLink('app', second.digest);
    const result = await at.collect();
    expect(result.skipped).toEqual([]);
    expect(result.links.map(({ digest }) => digest)).toContain(second.blobs[2]?.digest);
    for (const { digest } of first.blobs) expect(await at.store.blobs.stat('app', digest)).toBeDefined();
  });

  it('collects a repository where something that is not a manifest is linked as one', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await store(at, 'not a manifest');
    await at.store.manifests.deleteLink('app', first.digest);
    const result = await at.collect();
    expect([result.skipped, result.links.length]).toEqual([[], first.blobs.length]);
  });

  it('keeps what clients written in Go read in a manifest: keys in other letters, the last one of several', async () => {
    await using at = await scene();
    const [read, hidden] = [layer('read'), layer('hidden')];
    for (const blob of [...first.blobs, read, hidden]) await at.pushBlob('app', blob);
    const entry = (blob: typeof read) => `[{"mediaType":"a/b","digest":"${blob.digest}","size":${blob.bytes.length}}]`;
    const { layers: _layers, ...head } = JSON.parse(first.bytes.toString()) as Record<string, unknown>;
    const text = `${JSON.stringify(head).slice(0, -1)},"layers":${entry(hidden)},"Layers":${entry(read)}}`;
    await store(at, text);
    const result = await at.collect();
    expect(result.skipped).toEqual([]);
    const removed = result.links.map(({ digest }) => digest);
    expect([removed.includes(read.digest), removed.includes(hidden.digest)]).toEqual([false, true]);
    expect([await at.has(read.digest), await at.has(hidden.digest)]).toEqual([true, false]);
  });

  it('treats a manifest whose bytes are missing like a damaged one', async () => {
    await using at = await scene();
    await push(at.replica, 'broken', first, '1');
    await rm(join(at.root, blobDataPath(first.digest)));
    const result = await at.collect();
    expect(result.skipped).toHaveLength(1);
    expect(await at.has(shared.digest)).toBe(true);
    expect(await readdir(join(at.root, revisionLinkPath('broken', first.digest), '..'))).toEqual(['link']);
  });

  it('removes no bytes while there is a repository that it cannot read', async () => {
    await using at = await scene();
    await push(at.replica, 'closed', first, '1');
    const loose = layer('loose');
    await at.pushBlob('app', loose);
    await at.store.blobs.deleteLink('app', loose.digest);
    const layers = join(at.root, layerLinkPath('closed', shared.digest), '../..');
    await rename(layers, `${layers}.aside`);
    await symlink(layers, layers);
    const result = await at.collect();
    expect(result).toMatchObject({ blobs: [], skipped: [{ repository: 'closed' }] });
    expect(await at.has(loose.digest)).toBe(true);
    expect(await at.has(shared.digest)).toBe(true);
  });

  it('is the only one in its process', async () => {
    await using at = await scene();
    const running = at.collect();
    await expect(at.collect()).rejects.toThrow(CollectionRunningError);
    await running;
    await at.collect();
  });

  it('does not begin while another process collects in the same storage, unless that one has ended long ago', async () => {
    await using at = await scene();
    const announce = (age: number) =>
      at.driver.writeSmall(COLLECTION, announcement('other', 'looking', Date.now() - age));
    await announce(4 * 60_000);
    await expect(at.collect()).rejects.toThrow(CollectionRunningError);
    expect(await readdir(join(at.root, 'layover/collection'))).toEqual(['state']);
    await announce(6 * 60_000);
    await at.collect();
    expect(await readdir(join(at.root, 'layover/collection'))).toEqual([]);
  });

  it('yields to one that started at the same moment', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await at.store.manifests.deleteLink('app', first.digest);
    const other = announcement('other', 'looking', Date.now());
    const write = at.driver.writeSmall.bind(at.driver);
    at.driver.writeSmall = async (...file) => {
      await write(...file);
      if (file[0] === COLLECTION) await write(COLLECTION, other);
    };
    await expect(at.collect()).rejects.toThrow(CollectionRunningError);
    expect(await at.driver.readSmall(COLLECTION, 1000)).toEqual(other);
    expect(await at.has(first.digest)).toBe(true);
  });

  it('ends early when aborted, and leaves no announcement behind', async () => {
    await using at = await scene();
    await push(at.replica, 'app', first, '1');
    await at.store.manifests.deleteLink('app', first.digest);
    const ending = new AbortController();
    const onProgress = ({ phase }: { phase: string }) =>
      phase === 'removing' && ending.abort(new Error('that will do'));
    await expect(at.collect({ signal: ending.signal, onProgress })).rejects.toThrow('that will do');
    expect(await readdir(join(at.root, 'layover/collection'))).toEqual([]);
    expect((await at.collect()).bytes).toBeGreaterThan(0);
  });
});

describe('a push while another process removes garbage', () => {
  const removing = async (at: Awaited<ReturnType<typeof scene>>, ...doomed: Digest[]) => {
    await at.driver.writeSmall(markedPath('other'), Buffer.from(doomed.join('\n')));
    await at.driver.writeSmall(COLLECTION, announcement('other', 'removing', Date.now()));
  };

  it('is refused for content that may be gone any moment, and leaves no link behind', async () => {
    await using at = await scene();
    await removing(at, shared.digest);
    await expect(at.pushBlob('app', shared)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(await at.store.blobs.stat('app', shared.digest)).toBeUndefined();
    await at.pushBlob('app', layer('other'));
  });

  it('that is refused takes away nothing that another process has accepted meanwhile', async () => {
    await using at = await scene();
    for (const blob of first.blobs) await at.pushBlob('app', blob);
    const refused = await openReplica(at.root);
    const { driver } = refused;
    const read = driver.readSmall.bind(driver);
    /** After the link at `path` was written, and before it is confirmed. */
    const linking = (path: RegExp, accepted: () => Promise<unknown>) => {
      let isLinked = false;
      interceptWrites(refused, async (written, write) => {
        await write();
        if (!path.test(written)) return;
        await delay(NOTICED_MS);
        isLinked = true;
      });
      driver.readSmall = async (...file) => {
        if (!isLinked || file[0] !== COLLECTION) return read(...file);
        isLinked = false;
        await accepted();
        await removing(at, shared.digest, first.digest);
        return read(...file);
      };
    };
    linking(/new\/_layers/, () => at.pushBlob('new', shared));
    await expect(refused.pushBlob('new', shared)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await at.store.blobs.stat('new', shared.digest)).toBe(shared.bytes.length);
    await at.driver.delete(COLLECTION);
    linking(/_manifests\/revisions/, () => at.pushManifest('app', first, '1'));
    await expect(refused.pushManifest('app', first, '2')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await at.store.manifests.find('app', first.digest))?.bytes.equals(first.bytes)).toBe(true);
    expect((await at.store.tags.find('app', '1'))?.digest).toBe(first.digest);
    expect(await at.store.tags.find('app', '2')).toBeUndefined();
  });

  it('of a manifest is refused when that, or anything that it is made of, may be', async () => {
    await using at = await scene();
    await push(at.replica, 'app', second, '1');
    for (const blob of first.blobs) await at.pushBlob('app', blob);
    await removing(at, second.digest, layer('first').digest);
    const other = await openReplica(at.root);
    await expect(other.pushManifest('app', first, '1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(other.pushManifest('app', second, '1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await at.store.manifests.find('app', first.digest)).toBeUndefined();
    expect(await at.store.manifests.find('app', second.digest), 'it was there before').toBeDefined();
  });

  it('is accepted again some time after that process was killed', async () => {
    await using at = await scene();
    await at.driver.writeSmall(markedPath('other'), Buffer.from(shared.digest));
    await at.driver.writeSmall(COLLECTION, announcement('other', 'removing', Date.now() - 6 * 60_000));
    await at.pushBlob('app', shared);
    expect(await at.store.blobs.stat('app', shared.digest)).toBe(shared.bytes.length);
  });
});

function announcement(id: string, phase: string, at: number): Buffer {
  return Buffer.from(JSON.stringify({ id, phase, at }));
}
