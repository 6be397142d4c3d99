import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { PathNotFoundError, StorageReadOnlyError, StorageUnavailableError } from '../../../src/storage/driver.ts';
import { readAll, readRange } from '../../../src/testing/read-source.ts';
import { appendAndKeep, holding } from '../../../src/testing/staging-steps.ts';
import { createLocalFile } from '../../../src/testing/local-file.ts';
import { startScene } from './azure-scene.ts';

const KIB = 1024;
const bytes = randomBytes(1_300 * KIB + 17);

describe('the azure driver before a store in trouble', () => {
  it.each([
    [429, 'TooManyRequests'],
    [503, 'ServerBusy'],
  ])('repeats every request that gets %i, after the time of Retry-After', async (status, code) => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    const operations = ['head', 'get', 'put', 'block', 'block-list', 'delete', 'list', 'copy'] as const;
    for (const operation of operations) fake.fail(operation, { status, code, retryAfter: '0' }, 2);
    await driver.writeSmall('/d/small', Buffer.from('x'));
    await driver.adopt(local.path, '/d/large');
    expect(await driver.stat('/d/large')).toMatchObject({ size: bytes.length });
    expect((await readAll(await driver.open('/d/large'))).equals(bytes)).toBe(true);
    await driver.move('/d/large', '/d/moved');
    expect(await driver.list('/d')).toEqual(['moved', 'small']);
    await driver.delete('/d');
    expect(fake.names).toEqual([]);
  });

  it('gives up after a while, with the reason', async () => {
    await using scene = await startScene();
    scene.fake.fail('get', { status: 503, code: 'ServerBusy', retryAfter: '0' }, 1_000);
    const failed = scene.driver.open('/f');
    await expect(failed).rejects.toThrow(StorageUnavailableError);
    await expect(failed).rejects.toThrow('azure: reading /f: ServerBusy (503)');
    expect(scene.fake.count('get')).toBe(6);
  });

  it.each(['put', 'block', 'block-list', 'copy', 'delete'] as const)(
    'has done what it was to do although the response to %s was lost',
    async (operation) => {
      await using scene = await startScene();
      await using local = await createLocalFile(bytes);
      const { driver, fake } = scene;
      fake.fail(operation, 'lost');
      await driver.writeSmall('/small', Buffer.from('x'));
      await driver.adopt(local.path, '/large');
      await driver.move('/large', '/moved');
      await driver.delete('/small');
      expect(fake.names).toEqual(['moved']);
      expect((await readAll(await driver.open('/moved'))).equals(bytes)).toBe(true);
    },
  );

  it('signs again when the store refuses the signature, and reports credentials that stay refused', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    const expired = { status: 403, code: 'AuthenticationFailed' };
    fake.fail('put', expired);
    await driver.writeSmall('/f', Buffer.from('x'));
    fake.fail('get', expired, 2);
    const failed = driver.open('/f');
    await expect(failed).rejects.toThrow(StorageUnavailableError);
    await expect(failed).rejects.toThrow('the credentials are invalid or have expired');
    expect(fake.count('get')).toBe(2);
  });

  it('reports a missing permission: reads as an error, writes as storage that is read-only', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    for (const operation of ['put', 'get'] as const)
      fake.fail(operation, { status: 403, code: 'AuthorizationPermissionMismatch' });
    await expect(driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow(StorageReadOnlyError);
    await expect(driver.open('/f')).rejects.toThrow('(403)');
  });

  it('continues to read where the connection broke', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/f', bytes);
    fake.fail('get', { cutAfter: 300 * KIB }, 3);
    expect((await readAll(await driver.open('/f'))).equals(bytes)).toBe(true);
    expect(fake.count('get')).toBe(4);
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

  it('stores nothing of bytes that changed on their way', async () => {
    await using scene = await startScene();
    await using local = await createLocalFile(bytes);
    const { driver, fake } = scene;
    for (const operation of ['put', 'block'] as const) fake.fail(operation, 'flipped');
    await expect(driver.writeSmall('/f', Buffer.alloc(1_000))).rejects.toThrow('Md5Mismatch (400)');
    await expect(driver.adopt(local.path, '/g')).rejects.toThrow('Md5Mismatch (400)');
    expect(fake.names).toEqual([]);
    await expect(access(local.path)).resolves.toBeUndefined();
  });

  it.each(['block', 'block-list'] as const)(
    'shows nothing of an upload that fails at every %s, and keeps the local file',
    async (operation) => {
      await using scene = await startScene();
      await using local = await createLocalFile(bytes);
      const { driver, fake } = scene;
      fake.fail(operation, { status: 500, code: 'InternalError', retryAfter: '0' }, 1_000);
      await expect(driver.adopt(local.path, '/d/f')).rejects.toThrow(StorageUnavailableError);
      await expect(driver.stat('/d/f')).rejects.toThrow(PathNotFoundError);
      fake.clear();
      await driver.adopt(local.path, '/d/f');
      expect((await readAll(await driver.open('/d/f'))).equals(bytes)).toBe(true);
      await expect(access(local.path)).rejects.toThrow('ENOENT');
    },
  );
});

describe('a copy in Azure', () => {
  it.each(['lost', undefined] as const)('is complete before its source is deleted; its response: %s', async (fault) => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/from', Buffer.from('x'));
    fake.copySteps = 2;
    if (fault) fake.fail('copy', fault);
    const pending: boolean[] = [];
    fake.onDone = (operation) => {
      if (operation === 'delete') pending.push((fake.blobs.get('to')?.pending ?? 1) > 0);
    };
    await driver.move('/from', '/to');
    expect([pending, fake.names]).toEqual([[false], ['to']]);
  });

  it('of another blob to the same place fails, and keeps the source', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.writeSmall('/from', Buffer.from('x'));
    fake.store('to', Buffer.from('other'), { copySource: `${fake.url}/registry/other`, pending: 100 });
    await expect(driver.move('/from', '/to')).rejects.toThrow('PendingCopyOperation (409)');
    expect(fake.names).toEqual(['from', 'to']);
  });

  it('that the store refuses keeps the pieces of the file, which is published later', async () => {
    await using scene = await startScene();
    const { driver, fake } = scene;
    await driver.staging.create('/u/data');
    for (const piece of ['one, ', 'two']) await appendAndKeep(driver, '/u/data', Buffer.from(piece));
    fake.fail('block', { status: 403, code: 'CannotVerifyCopySource' });
    await expect(holding(driver, '/u/data', (staged) => staged.publish('/blob'))).rejects.toThrow(
      'CannotVerifyCopySource (403)',
    );
    await holding(driver, '/u/data', (staged) => staged.publish('/blob'));
    expect(String(await driver.readSmall('/blob', 100))).toBe('one, two');
  });
});
