import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { access, appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UploadStore } from '../../src/content/uploads.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { StagingArea } from '../../src/storage/staging.ts';
import { readAll } from '../storage/read-source.ts';
import { createContent } from './content-under-test.ts';

type Content = Awaited<ReturnType<typeof createContent>>;

/** As another process has it: nothing of it is in memory yet. */
const openUploads = ({ driver, store }: Content) =>
  new UploadStore(driver, (repository, digest, staged) => store.blobs.publish(repository, digest, staged));

/** The same storage, as if it were at the other end of a network. */
function farAway(content: Content): Content {
  const { staging } = content.driver;
  const far: StagingArea = {
    ...{ minChunkBytes: 0, isRemote: true },
    create: (path) => staging.create(path),
    size: (path) => staging.size(path),
    hold: (path) => staging.hold(path),
  };
  const driver = new Proxy(content.driver, {
    get: (target, name) => {
      const value = name === 'staging' ? far : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...content, driver };
}

async function* chunksOf(...chunks: Uint8Array[]) {
  yield* chunks;
}

const piece = (bytes: Uint8Array, more: { offset?: number; length?: number; isOneOfMany?: boolean } = {}) => ({
  bytes: chunksOf(bytes),
  offset: undefined,
  length: undefined,
  isOneOfMany: false,
  ...more,
});

const NOTHING = piece(new Uint8Array(), { length: 0 });

async function start(content: Content, algorithm: 'sha256' | 'sha512' = 'sha256') {
  const key = { repository: 'team/app', id: randomUUID() };
  await openUploads(content).start(key, { startedAt: new Date(), algorithm });
  return key;
}

async function stored({ store }: Content, digest: Digest): Promise<Buffer | undefined> {
  const source = await store.blobs.open('team/app', digest);
  return source && (await readAll(source));
}

const directoryOf = ({ root }: Content, { repository, id }: { repository: string; id: string }) =>
  join(root, 'docker/registry/v2/repositories', repository, '_uploads', id);

describe('an upload', () => {
  it.each(['near', 'far'])(
    'is the blob, however it is split, by which processes it goes, and whatever of their notes is lost, %s',
    async (where) => {
      await using made = await createContent();
      const content = where === 'far' ? farAway(made) : made;
      const step = fc.record({
        bytes: fc.uint8Array({ maxLength: 400 }),
        isOneOfMany: fc.boolean(),
        process: fc.nat({ max: 2 }),
        note: fc.constantFrom('kept', 'lost', 'garbage', 'kept'),
      });
      const algorithm = fc.constantFrom('sha256' as const, 'sha512' as const);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 7 }), algorithm, algorithm, async (steps, first, last) => {
          const processes = [0, 1, 2].map(() => openUploads(content));
          const key = await start(content, first);
          let sent = Buffer.alloc(0);
          for (const { bytes, isOneOfMany, process, note } of steps) {
            const offset = isOneOfMany ? sent.length : undefined;
            const asked = piece(bytes, { isOneOfMany, ...(offset !== undefined && { offset }) });
            sent = Buffer.concat([sent, bytes]);
            expect(await processes[process]?.append(key, asked)).toBe(sent.length);
            const file = join(directoryOf(content, key), 'hashed');
            const hasNote = await access(file).then(
              () => true,
              () => false,
            );
            if (where === 'far') expect(hasNote).toBe(true);
            if (note === 'lost') await rm(file, { force: true });
            if (note === 'garbage') await writeFile(file, '{"algorithm":"sha256","hashed":{}}');
          }
          const digest = digestOf(sent, last);
          const [finisher] = processes;
          expect(await finisher?.finish(key, NOTHING, digest)).toBe(sent.length);
          expect((await stored(content, digest))?.equals(sent)).toBe(true);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('is read again when its file is longer than its record, as after a kill', async () => {
    await using content = await createContent();
    const key = await start(content);
    await openUploads(content).append(key, piece(Buffer.from('one, '), { isOneOfMany: true, offset: 0 }));
    await appendFile(join(directoryOf(content, key), 'data'), 'two, ');
    const uploads = openUploads(content);
    expect((await uploads.find(key))?.size).toBe(10);
    await uploads.append(key, piece(Buffer.from('three'), { offset: 10 }));
    const digest = digestOf(Buffer.from('one, two, three'));
    await openUploads(content).finish(key, NOTHING, digest);
    expect(String(await stored(content, digest))).toBe('one, two, three');
  });

  it('keeps the bytes that arrived before the client disconnected, and continues from there', async () => {
    await using content = await createContent();
    const key = await start(content);
    const uploads = openUploads(content);
    const body = async function* () {
      yield Buffer.from('half of ');
      throw new Error('hung up');
    };
    await expect(uploads.append(key, { ...NOTHING, length: 9, bytes: body() })).rejects.toThrow('hung up');
    await expect(
      uploads.finish(key, { ...NOTHING, length: 9, bytes: body() }, digestOf(Buffer.from('x'))),
    ).rejects.toThrow('hung up');
    expect((await openUploads(content).find(key))?.size).toBe(16);
    const digest = digestOf(Buffer.from('half of half of it'));
    await openUploads(content).finish(key, piece(Buffer.from('it')), digest);
    expect(String(await stored(content, digest))).toBe('half of half of it');
  });

  it.each([
    ['a piece that does not come next', piece(Buffer.from('xy'), { offset: 7 }), 'RANGE_INVALID'],
    ['a piece that was sent already', piece(Buffer.from('kept'), { offset: 0 }), 'RANGE_INVALID'],
    ['fewer bytes than were said', piece(Buffer.from('xy'), { length: 3 }), 'SIZE_INVALID'],
    ['more bytes than were said', piece(Buffer.from('xyz'), { length: 2 }), 'SIZE_INVALID'],
  ])('stays as it is after %s', async (_, wrong, code) => {
    await using content = await createContent();
    const key = await start(content);
    const uploads = openUploads(content);
    await uploads.append(key, piece(Buffer.from('kept')));
    const again = () => ({ ...wrong, bytes: chunksOf(Buffer.from('xyz').subarray(0, wrong.length === 3 ? 2 : 3)) });
    await expect(uploads.append(key, again())).rejects.toMatchObject({ code });
    await expect(uploads.finish(key, again(), digestOf(Buffer.from('kept')))).rejects.toMatchObject({ code });
    expect((await uploads.find(key))?.size).toBe(4);
    await uploads.finish(key, NOTHING, digestOf(Buffer.from('kept')));
    expect(String(await stored(content, digestOf(Buffer.from('kept'))))).toBe('kept');
  });

  it('leaves nothing behind when the digest is not that of its bytes', async () => {
    await using content = await createContent();
    const key = await start(content);
    const uploads = openUploads(content);
    await uploads.append(key, piece(Buffer.from('these')));
    const finishing = uploads.finish(key, piece(Buffer.from(' bytes')), digestOf(Buffer.from('others')));
    await expect(finishing).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await uploads.find(key)).toBeUndefined();
    expect(await readdir(join(directoryOf(content, key), '..'))).toEqual([]);
    await expect(readdir(join(content.root, 'docker/registry/v2/blobs'))).rejects.toThrow('ENOENT');
  });

  it('is unknown after it was cancelled or finished', async () => {
    await using content = await createContent();
    const uploads = openUploads(content);
    const [cancelled, finished] = [await start(content), await start(content)];
    await uploads.cancel(cancelled);
    await uploads.finish(finished, piece(Buffer.from('x')), digestOf(Buffer.from('x')));
    for (const key of [cancelled, finished, { repository: 'team/app', id: randomUUID() }]) {
      expect(await uploads.find(key)).toBeUndefined();
      await expect(uploads.append(key, piece(Buffer.from('y')))).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      await expect(uploads.cancel(key)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    expect(await readdir(join(directoryOf(content, cancelled), '..'))).toEqual([]);
  });

  it('accepts one chunk at a time: the other is refused, and no bytes are mixed', async () => {
    await using content = await createContent();
    const key = await start(content);
    const uploads = openUploads(content);
    const signals = new EventEmitter();
    const begun = once(signals, 'begun');
    const goOn = once(signals, 'go on');
    const slow = async function* () {
      yield Buffer.from('slow');
      signals.emit('begun');
      await goOn;
      yield Buffer.from('ly');
    };
    const appending = uploads.append(key, { ...NOTHING, length: undefined, bytes: slow() });
    await begun;
    for (const other of [uploads, openUploads(content)]) {
      await expect(other.append(key, piece(Buffer.from('fast')))).rejects.toMatchObject({ code: 'RANGE_INVALID' });
    }
    signals.emit('go on');
    expect(await appending).toBe(6);
    const digest = digestOf(Buffer.from('slowly'));
    await uploads.finish(key, NOTHING, digest);
    expect(String(await stored(content, digest))).toBe('slowly');
  });
});
