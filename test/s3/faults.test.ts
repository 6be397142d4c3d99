import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { PathNotFoundError, StorageUnavailableError } from '../../src/storage/driver.ts';
import { readAll, readRange } from '../../src/testing/read-source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { Operation } from './s3-fault-proxy.ts';
import { createFaultyDriver, sharedS3, versitygw } from './s3-scene.ts';
import { SECRET_KEY } from './versitygw.ts';

const MIB = 1024 * 1024;
const bytes = randomBytes(12 * MIB + 17);
/** In the words of S3, and of versitygw. */
const UNKNOWN_KEY = /InvalidAccessKeyId|XAdminUserNotFound/;
const SLOW_DOWN = { kind: 'error', status: 503, code: 'SlowDown' } as const;

async function localFile(content: Uint8Array = bytes) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'local');
  await writeFile(path, content);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe.skipIf(versitygw === undefined)('the s3 driver before a store in trouble', () => {
  const s3 = sharedS3();

  it('tries again when it is told to slow down', async () => {
    await using made = await createFaultyDriver(s3());
    await using local = await localFile();
    const { driver, proxy } = made;
    for (const operation of ['head', 'get', 'put', 'delete', 'list', 'start-upload', 'part', 'complete'] as const) {
      proxy.fail(operation, SLOW_DOWN, 2);
    }
    await driver.writeSmall('/d/small', Buffer.from('x'));
    await driver.adopt(local.path, '/d/large');
    expect(await driver.stat('/d/large')).toMatchObject({ size: bytes.length });
    expect((await readAll(await driver.open('/d/large'))).equals(bytes)).toBe(true);
    expect(await driver.list('/d')).toEqual(['large', 'small']);
    await driver.delete('/d/large');
    await expect(driver.stat('/d/large')).rejects.toThrow(PathNotFoundError);
  });

  it('gives up after a while, and says what it was told', async () => {
    await using made = await createFaultyDriver(s3());
    made.proxy.fail('get', SLOW_DOWN, 1000);
    const failed = made.driver.open('/f');
    await expect(failed).rejects.toThrow(StorageUnavailableError);
    await expect(failed).rejects.toThrow('s3: reading /f: SlowDown (503)');
    expect(made.proxy.count('get')).toBeLessThanOrEqual(5);
  });

  it('reads on where the connection broke, and fetches hardly a byte twice', async () => {
    await using made = await createFaultyDriver(s3());
    const { driver, proxy } = made;
    await driver.writeSmall('/f', bytes);
    proxy.fail('get', { kind: 'cut-answer', afterBytes: 3 * MIB }, 3);
    expect((await readAll(await driver.open('/f'))).equals(bytes)).toBe(true);
    const gets = proxy.requests.filter(({ operation }) => operation === 'get');
    expect(gets).toHaveLength(4);
    expect(gets.slice(1).every(({ headers }) => headers['if-match'] !== undefined && headers.range !== undefined)).toBe(
      true,
    );
    expect(gets.reduce((sum, get) => sum + get.bytes, 0)).toBeLessThan(bytes.length * 1.1);
  });

  it('fails a reader rather than go on with the bytes of another version', async () => {
    await using made = await createFaultyDriver(s3());
    const { driver, proxy } = made;
    await driver.writeSmall('/f', bytes);
    proxy.fail('get', { kind: 'cut-answer', afterBytes: 3 * MIB });
    const source = await driver.open('/f');
    await driver.writeSmall('/f', randomBytes(bytes.length));
    await expect(readRange(source, { start: 0, end: source.size })).rejects.toThrow('deleted or replaced');
    await source.close();
  });

  it('gives up on a body that breaks again and again', async () => {
    await using made = await createFaultyDriver(s3());
    await made.driver.writeSmall('/f', bytes);
    made.proxy.fail('get', { kind: 'cut-answer', afterBytes: 0 }, 1000);
    const source = await made.driver.open('/f');
    await expect(readRange(source, { start: 0, end: source.size })).rejects.toThrow('reading /f');
    await source.close();
  });

  it.each(['part', 'put'] as const)(
    'sends the %s again whose connection was reset in the middle',
    async (operation) => {
      await using made = await createFaultyDriver(s3());
      const content = operation === 'part' ? bytes : bytes.subarray(0, 3 * MIB);
      await using local = await localFile(content);
      made.proxy.fail(operation, { kind: 'cut-request', afterBytes: MIB }, 2);
      await made.driver.adopt(local.path, '/f');
      expect((await readAll(await made.driver.open('/f'))).equals(content)).toBe(true);
      await expect(access(local.path)).rejects.toThrow('ENOENT');
    },
  );

  it.each<Operation>(['start-upload', 'part', 'complete'])(
    'shows nothing, keeps the local file and leaves no upload behind when every %s fails',
    async (operation) => {
      await using made = await createFaultyDriver(s3());
      const { driver, proxy } = made;
      await using local = await localFile();
      proxy.fail(operation, { kind: 'error', status: 500, code: 'InternalError' }, 1000);
      await expect(driver.adopt(local.path, '/d/f')).rejects.toThrow(StorageUnavailableError);
      await expect(driver.stat('/d/f')).rejects.toThrow(PathNotFoundError);
      await expect(access(local.path)).resolves.toBeUndefined();
      expect(proxy.count('abort')).toBe(operation === 'start-upload' ? 0 : 1);

      proxy.clear();
      await driver.adopt(local.path, '/d/f');
      expect((await readAll(await driver.open('/d/f'))).equals(bytes)).toBe(true);
    },
  );

  it('knows an object for complete although the answer that said so was lost', async () => {
    await using made = await createFaultyDriver(s3());
    await using local = await localFile();
    made.proxy.fail('complete', { kind: 'lose-answer' });
    await made.driver.adopt(local.path, '/f');
    expect((await readAll(await made.driver.open('/f'))).equals(bytes)).toBe(true);
    expect(made.proxy.count('complete')).toBe(2);
  });

  it.each([
    [400, 'MissingContentMD5'],
    [501, 'NotImplemented'],
  ])('deletes object by object where deleting many at once is answered by %i %s', async (status, code) => {
    await using made = await createFaultyDriver(s3());
    const { driver, proxy } = made;
    for (const name of ['a', 'b', 'c/d']) await driver.writeSmall(`/dir/${name}`, Buffer.from('x'));
    proxy.fail('delete-many', { kind: 'error', status, code }, 1000);
    await driver.delete('/dir');
    await expect(driver.stat('/dir')).rejects.toThrow(PathNotFoundError);
    expect(proxy.count('delete-many')).toBe(1);
  });

  it('finds what was just written although the listing does not have it yet', async () => {
    await using made = await createFaultyDriver(s3());
    const { driver, proxy, config } = made;
    const listing = `<?xml version="1.0"?><ListBucketResult><Name>${config.bucket}</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`;
    proxy.fail('list', { kind: 'answer', body: Buffer.from(listing) }, 1000);
    await driver.writeSmall('/d/f', Buffer.from('new'));
    expect(await driver.stat('/d/f')).toMatchObject({ size: 3, isDirectory: false });
    expect(String(await driver.readSmall('/d/f', 10))).toBe('new');
    await driver.move('/d/f', '/d/g');
    await driver.delete('/d/g');
    await expect(driver.stat('/d/g')).rejects.toThrow(PathNotFoundError);
  });

  it('says that the bucket is not there, not that the content is not', async () => {
    await using made = await createFaultyDriver(s3(), { bucket: 'no-such-bucket' });
    await expect(made.driver.open('/f')).rejects.toThrow('NoSuchBucket (404)');
    await expect(made.driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow('NoSuchBucket (404)');
  });
});

describe.skipIf(versitygw === undefined)('credentials of the s3 driver', () => {
  const s3 = sharedS3();

  it.each([
    [{ accessKeyId: 'nobody', secretAccessKey: SECRET_KEY }, UNKNOWN_KEY],
    [{ accessKeyId: 'test-access-key', secretAccessKey: 'wrong-secret' }, /SignatureDoesNotMatch/],
  ])('that are wrong are named as the reason, in every call, and not told', async (credentials, code) => {
    await using made = await createFaultyDriver(s3(), { credentials });
    const { driver } = made;
    const calls = await Promise.allSettled([
      driver.stat('/f'),
      driver.open('/f'),
      driver.writeSmall('/f', Buffer.from('x')),
      driver.list('/d'),
      driver.delete('/f'),
    ]);
    for (const call of calls) {
      const reason = call.status === 'rejected' ? (call.reason as Error) : undefined;
      expect(reason).toBeInstanceOf(StorageUnavailableError);
      expect(reason?.message).toMatch(code);
      expect(reason?.message).toContain('the credentials are invalid or have expired');
      expect(JSON.stringify([reason, reason?.stack, reason?.cause])).not.toContain(credentials.secretAccessKey);
    }
  });

  it.each(['open', 'stat', 'writeSmall', 'list'] as const)(
    'that a chain has replaced are fetched again when the store refuses the old ones: %s',
    async (call) => {
      await using chain = await credentialChain('expired-key');
      await using made = await createFaultyDriver(s3(), { credentials: undefined });
      const { driver } = made;
      await chain.set('test-access-key');
      await driver.writeSmall('/d/f', Buffer.from('x'));
      // What the client holds is refused from here on, as if it had expired.
      made.proxy.fail(({ open: 'get', stat: 'head', writeSmall: 'put', list: 'list' } as const)[call], {
        kind: 'error',
        status: 400,
        code: 'ExpiredToken',
      });
      if (call === 'writeSmall') await driver.writeSmall('/d/f', Buffer.from('y'));
      else if (call === 'open') await (await driver.open('/d/f')).close();
      else await driver[call](call === 'list' ? '/d' : '/d/f');
      expect(await chain.runs()).toBeGreaterThanOrEqual(call === 'stat' ? 1 : 2);
    },
  );

  it('from a chain that has none yet are found as soon as there are', async () => {
    await using chain = await credentialChain('expired-key');
    await using made = await createFaultyDriver(s3(), { credentials: undefined });
    await expect(made.driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow(UNKNOWN_KEY);
    await chain.set('test-access-key');
    await made.driver.writeSmall('/f', Buffer.from('x'));
    expect(String(await made.driver.readSmall('/f', 10))).toBe('x');
  });
});

/** A profile whose credentials come from a program, the way many companies rotate them. */
async function credentialChain(accessKey: string) {
  const directory = await temporaryDirectory();
  const [config, program, answer, runs] = ['config', 'program', 'answer.json', 'runs'].map((name) =>
    join(directory.path, name),
  ) as [string, string, string, string];
  await mkdir(runs);
  await writeFile(config, `[default]\ncredential_process = ${program}\n`);
  await writeFile(program, `#!/bin/sh\nmktemp ${runs}/XXXXXX >/dev/null\ncat ${answer}\n`);
  await chmod(program, 0o755);
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    HOME: directory.path,
  });
  const set = (AccessKeyId: string) =>
    writeFile(answer, JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey: SECRET_KEY }));
  await set(accessKey);
  return {
    set,
    async runs() {
      const { readdir } = await import('node:fs/promises');
      return (await readdir(runs)).length;
    },
    async [Symbol.asyncDispose]() {
      process.env = before;
      await directory[Symbol.asyncDispose]();
    },
  };
}
