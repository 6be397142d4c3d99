import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';

import { StorageReadOnlyError, StorageUnavailableError } from '../../../src/storage/driver.ts';
import { RadosConnection } from '../../../src/storage/rados/connection.ts';
import { withDefaults } from '../../../src/storage/rados/options.ts';
import { RadosPool } from '../../../src/storage/rados/pool.ts';
import { StagedFileHeldError } from '../../../src/storage/staging.ts';
import { readAll, readRange } from '../../../src/testing/read-source.ts';
import { appendAndKeep, holding } from '../../../src/testing/staging-steps.ts';
import { type CephCluster, POOL, USER } from '../../support/ceph/ceph-cluster.ts';
import { createDriver, hasCeph, sharedCeph } from './shared-ceph.ts';

const MIB = 1024 * 1024;

/** The objects of a namespace themselves. */
function rawPool({ configFile }: CephCluster, namespace: string) {
  const connection = new RadosConnection(withDefaults({ pool: POOL, user: USER, configFile, namespace }));
  return { pool: new RadosPool(connection), [Symbol.asyncDispose]: () => connection.close() };
}

/** As distribution wrote it: 64 bits and two zeros. */
function totalSize(size: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt32LE(size);
  return bytes;
}

async function objectsOf(cluster: CephCluster, namespace: string): Promise<string[]> {
  const list = await cluster.run('rados', '-p', POOL, '--namespace', namespace, 'ls');
  return list.split('\n').filter(Boolean).toSorted();
}

describe.skipIf(!hasCeph)('objects of a pool', () => {
  const cluster = sharedCeph();

  it("that distribution wrote are read, whatever the driver's chunks are", async () => {
    const namespace = randomUUID();
    await using raw = rawPool(cluster(), namespace);
    const bytes = randomBytes(4 * MIB + 10);
    const id = 'blob:0d4ac5b1-8bd4-4a0b-9c1b-5a3e0f8f0d11';
    await raw.pool.write(`${id}-0`, [
      { do: 'write', bytes: bytes.subarray(0, 4 * MIB), offset: 0 },
      { do: 'set-attribute', name: 'total-size', value: totalSize(bytes.length) },
    ]);
    await raw.pool.write(`${id}-1`, [{ do: 'write', bytes: bytes.subarray(4 * MIB), offset: 0 }]);
    await raw.pool.write('/docker', [{ do: 'set-key', key: 'data', value: id }]);
    await raw.pool.write('/', [
      { do: 'set-key', key: '/', value: '' },
      { do: 'set-key', key: 'docker', value: '' },
    ]);
    await using made = createDriver(cluster(), { namespace, chunkBytes: MIB });
    expect(await made.driver.list('/')).toEqual(['docker']);
    expect(await made.driver.stat('/docker/data')).toMatchObject({ isDirectory: false, size: bytes.length });
    expect((await readAll(await made.driver.open('/docker/data'))).equals(bytes)).toBe(true);
    await made.driver.delete('/docker');
    expect(await objectsOf(cluster(), namespace)).toEqual(['/']);
  });

  it('are those that distribution reads', async () => {
    const namespace = randomUUID();
    await using raw = rawPool(cluster(), namespace);
    await using made = createDriver(cluster(), { namespace });
    await made.driver.writeSmall('/docker/registry/data', Buffer.alloc(4 * MIB + 3, 'x'));
    const id = (await raw.pool.key('/docker/registry', 'data')) ?? '';
    expect(id).toMatch(/^blob:[0-9a-f-]{36}$/);
    expect(await raw.pool.key('/docker', 'registry')).toBe('');
    expect(await raw.pool.key('/', 'docker')).toBe('');
    expect(await raw.pool.attribute(`${id}-0`, 'total-size')).toEqual(totalSize(4 * MIB + 3));
    expect([(await raw.pool.stat(`${id}-0`)).size, (await raw.pool.stat(`${id}-1`)).size]).toEqual([4 * MIB, 3]);
  });

  it('are removed with the files that they belong to, also those of an upload that was not kept', async () => {
    const namespace = randomUUID();
    await using made = createDriver(cluster(), { namespace, chunkBytes: 64 * 1024 });
    const { driver } = made;
    await driver.writeSmall('/d/f', Buffer.alloc(200_000));
    await driver.writeSmall('/d/f', Buffer.alloc(10));
    await driver.staging.create('/u/data');
    await appendAndKeep(driver, '/u/data', Buffer.alloc(100_000));
    const abandoned = await driver.staging.hold('/u/data');
    await abandoned.write([Buffer.alloc(300_000)]);
    await driver.delete('/u');
    await driver.delete('/d');
    await abandoned.release();
    expect(await objectsOf(cluster(), namespace)).toEqual(['/']);
  });

  it('of a published file stay when the process ended before the name of the upload was removed', async () => {
    const namespace = randomUUID();
    await using raw = rawPool(cluster(), namespace);
    await using made = createDriver(cluster(), { namespace });
    const { driver } = made;
    await driver.staging.create('/u/data');
    const id = (await raw.pool.key('/u', 'data')) ?? '';
    await holding(driver, '/u/data', async (staged) => {
      await staged.write([Buffer.from('content')]);
      await staged.publish('/blob/data');
    });
    await driver.writeSmall('/u/other', Buffer.from('x'));
    await raw.pool.write('/u', [{ do: 'set-key', key: 'data', value: id }]);
    await expect(driver.staging.hold('/u/data')).rejects.toThrow('no such path');
    await driver.delete('/u');
    expect(String(await driver.readSmall('/blob/data', 100))).toBe('content');
  });

  it('have one holder among all processes', async () => {
    const namespace = randomUUID();
    await using one = createDriver(cluster(), { namespace });
    await using other = createDriver(cluster(), { namespace });
    await one.driver.staging.create('/u/data');
    const held = await one.driver.staging.hold('/u/data');
    await expect(other.driver.staging.hold('/u/data')).rejects.toThrow(StagedFileHeldError);
    await held.write([Buffer.from('one')]);
    await held.keep();
    await appendAndKeep(other.driver, '/u/data', Buffer.from(' other'));
    await holding(one.driver, '/u/data', (staged) => staged.publish('/f'));
    expect(String(await other.driver.readSmall('/f', 100))).toBe('one other');
  });

  it('can be read and not written with the capability to read', async () => {
    const namespace = randomUUID();
    await using writer = createDriver(cluster(), { namespace });
    await writer.driver.writeSmall('/f', Buffer.from('content'));
    await using reader = createDriver(cluster(), { namespace, user: 'reader' });
    expect(String(await reader.driver.readSmall('/f', 100))).toBe('content');
    await expect(reader.driver.writeSmall('/f', Buffer.from('x'))).rejects.toThrow(StorageReadOnlyError);
    expect(String(await reader.driver.readSmall('/f', 100))).toBe('content');
  });

  it.each([
    ['the pool', { pool: 'absent' }, 'pool absent as client.registry'],
    ['the user', { user: 'absent' }, 'as client.absent'],
    ['the configuration', { configFile: '/absent/ceph.conf' }, 'conf_read_file: ENOENT'],
  ])('are unavailable without %s', async (_, more, text) => {
    await using made = createDriver(cluster(), { connectTimeoutMs: 3_000, ...more });
    const failure: unknown = await made.driver.readSmall('/f', 10).catch((err: unknown) => err);
    expect(failure).toBeInstanceOf(StorageUnavailableError);
    expect(String(failure)).toContain(text);
  });
});

describe.skipIf(!hasCeph)('a cluster that hangs', () => {
  const cluster = sharedCeph();
  const timeoutMs = 2_000;
  afterEach(() => cluster().thaw());

  it('fails operations in time, stops nothing else of the process, and continues', async () => {
    await using made = createDriver(cluster(), { timeoutMs });
    const { driver } = made;
    const bytes = randomBytes(9 * MIB);
    await driver.writeSmall('/f', bytes);
    const source = await driver.open('/f');
    const whole = { start: 0, end: bytes.length };
    cluster().freeze();
    const hanging = [
      ...Array.from({ length: 8 }, () => driver.stat('/f')),
      ...Array.from({ length: 8 }, () => driver.writeSmall('/g', bytes)),
      ...Array.from({ length: 8 }, () => readRange(source, whole)),
    ].map((work) => work.then(() => 'done').catch((err: unknown) => err));
    const first = await Promise.race([...hanging, readFile(import.meta.filename)]);
    expect(first).toBeInstanceOf(Buffer);
    for (const failure of await Promise.all(hanging)) expect(failure).toBeInstanceOf(StorageUnavailableError);
    cluster().thaw();
    await expect.poll(() => readRange(source, whole).then((read) => read.equals(bytes), String)).toBe(true);
    await source.close();
    await driver.writeSmall('/g', Buffer.from('after'));
    expect(String(await driver.readSmall('/g', 100))).toBe('after');
  });

  it('mixes no bytes of two holders, when a write arrives after its holder has given up', async () => {
    const namespace = randomUUID();
    await using one = createDriver(cluster(), { namespace, timeoutMs });
    await using other = createDriver(cluster(), { namespace });
    await one.driver.staging.create('/u/data');
    await appendAndKeep(one.driver, '/u/data', Buffer.from('begun '));
    const held = await one.driver.staging.hold('/u/data');
    cluster().freeze();
    await expect(held.write([Buffer.alloc(5 * MIB, 'late')])).rejects.toThrow(StorageUnavailableError);
    const releasing = held.release();
    cluster().thaw();
    await releasing;
    const bytes = Buffer.alloc(6 * MIB, 'other');
    await expect
      .poll(() => appendAndKeep(other.driver, '/u/data', bytes).then(() => 'kept', String), { timeout: 40_000 })
      .toBe('kept');
    await holding(one.driver, '/u/data', (staged) => staged.publish('/f'));
    const expected = Buffer.concat([Buffer.from('begun '), bytes]);
    expect((await readAll(await other.driver.open('/f'))).equals(expected)).toBe(true);
  });

  it('does not delay the end of a driver', async () => {
    const made = createDriver(cluster(), { timeoutMs: 600_000 });
    await made.driver.writeSmall('/f', Buffer.from('x'));
    cluster().freeze();
    const hanging = made.driver.stat('/f').catch((err: unknown) => err);
    const closing = made.driver.close();
    expect(await hanging).toBeInstanceOf(Error);
    cluster().thaw();
    await closing;
  });
});
