import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { Spool } from '../../src/stream/spool.ts';
import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';
import { seededContent } from '../support/content.ts';
import { appendTo } from './append-to.ts';

const KIB = 1024;
const SIZE = 700 * KIB;
const content = Buffer.concat([...seededContent('spool full', SIZE).read()]);

const mountable = await canMount();
if (!mountable) console.warn('this user may not mount a tmpfs: the tests of a full disk are skipped');

describe.skipIf(!mountable)('a spool on a full disk', () => {
  it('keeps the bytes that fit for its readers and the next writer, and fails the writer', async () => {
    await using disk = await smallDisk('1m');
    await writeFile(join(disk.path, 'ballast'), Buffer.alloc(600 * KIB));
    const pool = new BufferPool();
    for (let other = 0; other < 500; other++) pool.lease(); // small blocks, so that some are written
    const path = join(disk.path, 'spool');
    const spool = await Spool.open(path, pool);
    spool.expect(SIZE);
    const told = new Promise<void>((resolve) => spool.onWriteFailed(resolve));
    const reading = read(spool);
    await expect(appendTo(spool, content)).rejects.toMatchObject({ code: 'ENOSPC' });
    await told;
    await expect(spool.memory()).rejects.toMatchObject({ code: 'ENOSPC' });
    const stopped = new Error('no space');
    spool.fail(stopped);
    await spool.release();
    const { bytes, error } = await reading;
    expect(error).toBe(stopped);
    expect(bytes.length).toBe(spool.written);
    expect(bytes.length).toBeGreaterThan(300 * KIB);
    expect(bytes.equals(content.subarray(0, bytes.length))).toBe(true);
    expect(pool.stats).toMatchObject({ readers: 500, used: 0 });

    const next = await Spool.open(path, pool);
    expect(next.written).toBe(bytes.length);
    const hash = createHash('sha256');
    await next.hashInto(hash);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    await next.release();
  });
});

async function read(spool: Spool): Promise<{ bytes: Buffer; error: unknown }> {
  const chunks: Buffer[] = [];
  let error: unknown;
  spool.retain();
  try {
    for await (const chunk of spool.read({ start: 0, end: SIZE })) chunks.push(Buffer.from(chunk));
  } catch (err) {
    error = err;
  }
  await spool.release();
  return { bytes: Buffer.concat(chunks), error };
}
