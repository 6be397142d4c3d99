import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { PathNotFoundError, StorageReadOnlyError, StorageUnavailableError } from '../../../src/storage/driver.ts';
import { readAll, readRange } from '../../../src/testing/read-source.ts';
import { GcsBucket } from '../../../src/storage/gcs/bucket.ts';
import { parseGcsError } from '../../../src/storage/gcs/errors.ts';
import { StoreClient } from '../../../src/storage/objects/store-client.ts';
import { BUCKET, type Operation } from './fake-gcs.ts';
import { createLocalFile } from '../../../src/testing/local-file.ts';
import { startScene } from './gcs-scene.ts';

const KIB = 1024;
const bytes = randomBytes(1_300 * KIB + 17);

describe('the gcs driver before a store in trouble', () => {
  it.each([429, 503])('repeats every request that gets %i, after the time of Retry-After', async (status) => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    const operations = ['stat', 'get', 'put', 'start', 'chunk', 'delete', 'list', 'copy'] as const;
    for (const operation of operations) fake.fail(operation, { status, retryAfter: '0' }, 2);
    await driver.writeSmall('/d/small', Buffer.from('x'));
    await driver.adopt(local.path, '/d/large');
    expect(await driver.stat('/d/large')).toMatchObject({ size: bytes.length });
    expect((await readAll(await driver.open('/d/large'))).equals(bytes)).toBe(true);
    await driver.move('/d/large', '/d/moved');
    expect(await driver.list('/d')).toEqual(['moved', 'small']);
    await driver.delete('/d');
    expect(fake.objects.names).toEqual([]);
  });

  it('waits longer after each 503 without Retry-After', async () => {
    await using scene = await startScene();
    scene.fake.fail('put', { status: 503 }, 2);
    await scene.driver.writeSmall('/f', Buffer.from('x'));
    expect(scene.fake.count('put')).toBe(3);
    expect(String(await scene.driver.readSmall('/f', 10))).toBe('x');
  });

  it('also repeats what is refused by 403 because of too many requests', async () => {
    await using scene = await startScene();
    scene.fake.fail('put', { status: 403, reason: 'rateLimitExceeded', retryAfter: '0' });
    await scene.driver.writeSmall('/f', Buffer.from('x'));
    expect(scene.fake.objects.names).toEqual(['f']);
  });

  it('gives up after a while, with the reason', async () => {
    await using scene = await startScene();
    scene.fake.fail('get', { status: 503, retryAfter: '0' }, 1_000);
    const failed = scene.driver.open('/f');
    await expect(failed).rejects.toThrow(StorageUnavailableError);
    await expect(failed).rejects.toThrow('gcs: reading /f: HTTP 503 (503)');
    expect(scene.fake.count('get')).toBe(6);
  });

  it('continues to read where the connection broke', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/f', bytes);
    fake.fail('get', { cutAfter: 300 * KIB }, 3);
    expect((await readAll(await driver.open('/f'))).equals(bytes)).toBe(true);
    const gets = fake.requests.filter(({ operation }) => operation === 'get');
    expect(gets).toHaveLength(4);
    expect(gets.slice(1).every(({ url, headers }) => url.searchParams.has('generation') && headers.range)).toBe(true);
  });

  it('fails a reader rather than continue with the bytes of another version', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/f', bytes);
    fake.fail('get', { cutAfter: 300 * KIB });
    const source = await driver.open('/f');
    await driver.writeSmall('/f', randomBytes(bytes.length));
    await expect(readRange(source, { start: 0, end: source.size })).rejects.toThrow('deleted or replaced');
    await source.close();
  });

  it("takes no proxy's redirect for content", async () => {
    await using scene = await startScene();
    scene.fake.fail('get', { status: 302, reason: 'login' });
    await expect(scene.driver.open('/f')).rejects.toThrow('(302)');
  });

  it('reports a missing bucket, not missing content', async () => {
    await using scene = await startScene(() => ({ bucket: 'absent' }));
    for (const call of [
      scene.driver.open('/f'),
      scene.driver.stat('/'),
      scene.driver.writeSmall('/f', Buffer.from('x')),
    ]) {
      await expect(call).rejects.toThrow('NoSuchBucket (404)');
    }
  });

  it('reports a missing permission: reads as an error, writes as storage that is read-only', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    for (const operation of ['put', 'get'] as const) fake.fail(operation, { status: 403, reason: 'forbidden' });
    await expect(driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow(StorageReadOnlyError);
    await expect(driver.open('/f')).rejects.toThrow('(403)');
  });

  it('stores nothing of bytes that changed on their way', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    fake.fail('put', 'flipped');
    await expect(driver.writeSmall('/f', Buffer.alloc(1_000))).rejects.toThrow('invalid (400)');
    fake.fail('chunk', 'flipped');
    await expect(driver.adopt(local.path, '/g')).rejects.toThrow('invalid (400)');
    expect(fake.objects.names).toEqual([]);
    await expect(access(local.path)).resolves.toBeUndefined();
  });
});

describe('an upload to Cloud Storage', () => {
  it('continues with the bytes that the store does not have', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    fake.fail('chunk', { keeps: 256 * KIB });
    fake.fail('chunk', { resetAfter: 300 * KIB });
    fake.fail('chunk', 'lost');
    fake.fail('query', { status: 503, retryAfter: '0' });
    await driver.adopt(local.path, '/f');
    expect((await readAll(await driver.open('/f'))).equals(bytes)).toBe(true);
    expect(fake.count('start')).toBe(1);
    expect(fake.count('query')).toBe(3);
    await expect(access(local.path)).rejects.toThrow('ENOENT');
  });

  it('is complete although the response to its last chunk was lost', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes.subarray(0, 512 * KIB + 1));
    scene.fake.fail('chunk', 'lost', 2);
    await scene.driver.adopt(local.path, '/f');
    expect(await scene.driver.stat('/f')).toMatchObject({ size: 512 * KIB + 1 });
    expect(scene.fake.count('chunk')).toBe(2);
  });

  it.each<Operation>(['start', 'chunk'])(
    'that fails at every %s shows nothing, and keeps the local file',
    async (operation) => {
      await using scene = await startScene();
      await using local = await createLocalFile(bytes);
      const { driver, fake } = scene;
      fake.fail(operation, { status: 500, retryAfter: '0' }, 1_000);
      await expect(driver.adopt(local.path, '/d/f')).rejects.toThrow(StorageUnavailableError);
      await expect(driver.stat('/d/f')).rejects.toThrow(PathNotFoundError);
      await expect(access(local.path)).resolves.toBeUndefined();
      expect(fake.openUploads).toBe(0);

      fake.clear();
      await driver.adopt(local.path, '/d/f');
      expect((await readAll(await driver.open('/d/f'))).equals(bytes)).toBe(true);
    },
  );

  it('sends chunks while the file grows, and shows nothing before it is finished', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    const adoption = driver.startAdoption?.(local.path, '/d/f', { size: bytes.length });
    adoption?.available(600 * KIB);
    await expect.poll(() => fake.count('chunk')).toBe(1);
    adoption?.available(bytes.length);
    await expect.poll(() => fake.count('chunk')).toBe(2);
    await expect(driver.stat('/d/f')).rejects.toThrow(PathNotFoundError);
    await adoption?.finish();
    expect((await readAll(await driver.open('/d/f'))).equals(bytes)).toBe(true);
  });

  it('that is aborted leaves nothing in the store, and the local file', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const adoption = scene.driver.startAdoption?.(local.path, '/f', { size: bytes.length });
    adoption?.available(600 * KIB);
    await expect.poll(() => scene.fake.openUploads).toBe(1);
    await adoption?.abort();
    await adoption?.abort();
    expect(scene.fake.openUploads).toBe(0);
    await expect(access(local.path)).resolves.toBeUndefined();
  });

  it('of a file that is shorter than announced fails, and leaves nothing', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const adoption = scene.driver.startAdoption?.(local.path, '/f', { size: bytes.length + 1 });
    adoption?.available(bytes.length);
    await expect(adoption?.finish()).rejects.toThrow(`the local file has only ${bytes.length} bytes`);
    expect([scene.fake.openUploads, scene.fake.objects.names]).toEqual([0, []]);
  });
});

describe('objects of Cloud Storage', () => {
  it('are stored whole although their bytes contain the boundary of an earlier request', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/f', Buffer.from('x'));
    const type = String(fake.requests.at(-1)?.headers['content-type']);
    const boundary = /^multipart\/related; boundary=(.+)$/.exec(type)?.[1];
    const content = `abc\r\n--${boundary}--\r\nrest`;
    await driver.writeSmall('/f', Buffer.from(content));
    expect(String(await driver.readSmall('/f', 100))).toBe(content);
  });

  it('that distribution keeps of unfinished uploads are not files', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    const contentType = 'application/x-docker-upload-session';
    fake.objects.put('u/1/data', Buffer.from('rest'), { ifGenerationMatch: null }, { contentType });
    await driver.writeSmall('/u/1/startedat', Buffer.from('now'));
    expect(await driver.list('/u/1')).toEqual(['startedat']);
    await expect(driver.open('/u/1/data')).rejects.toThrow(PathNotFoundError);
    await expect(driver.stat('/u/1/data')).rejects.toThrow(PathNotFoundError);
    await expect(driver.move('/u/1/data', '/to')).rejects.toThrow(PathNotFoundError);
    await driver.delete('/u/1');
    expect(fake.objects.names).toEqual([]);
  });

  it.each(['', '.', '..'])('are not deleted by a name that leads to the bucket: "%s"', async (name) => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    fake.objects.put(name, Buffer.from('x'), { ifGenerationMatch: null });
    const bucket = new GcsBucket(new StoreClient({ parseError: parseGcsError }), {
      endpoint: fake.url,
      bucket: BUCKET,
    });
    await expect(bucket.delete(name)).rejects.toThrow('no request can be for an object with the name');
    await driver.writeSmall('/d/f', Buffer.from('x'));
    await driver.delete('/d');
    expect(fake.count('delete')).toBe(2);
    expect(fake.objects.names).toEqual([name]);
  });

  it('are copied by as many requests as the store needs', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    fake.copySteps = 4;
    await driver.writeSmall('/from', Buffer.from('x'));
    await driver.move('/from', '/to');
    expect(fake.count('copy')).toBe(4);
    expect(fake.objects.names).toEqual(['to']);
  });

  it('are listed page by page, and a page of a long list costs one request', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    const names = Array.from({ length: 30 }, (_, i) => `n${String(i).padStart(2, '0')}`);
    for (const name of names) await driver.writeSmall(`/d/${name}/f`, Buffer.from('x'));
    expect(await driver.list('/d')).toEqual(names);
    expect(fake.count('list')).toBe(10);
    const after = driver.listAfter?.('/d', 'n20', { about: 1 });
    for await (const page of after ?? []) {
      expect(page).toEqual(['n21', 'n22']);
      break;
    }
    expect(fake.count('list')).toBe(11);
  });
});
