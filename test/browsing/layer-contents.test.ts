import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { readLayer } from '../../src/browsing/layer-contents.ts';
import { MemorySource } from '../../src/stream/byte-source.ts';
import { tarArchive, tarHeader } from '../support/tar.ts';

const MIB = 1024 * 1024;
const read = (bytes: Buffer) => readLayer(new MemorySource(bytes));
const file = (path: string, size = 3) => ({ path, content: Buffer.alloc(size, 'x') });
const pathsOf = ({ files }: Awaited<ReturnType<typeof read>>) => files.map(({ path }) => path);

/** A header of another type than that of a file, with a valid checksum. */
function headerOf(type: string, size: number): Buffer {
  const header = tarHeader({ path: 'pax', size });
  header.write(type, 156);
  header.write('        ', 148);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

describe('the files of a layer', () => {
  it.each([
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['no compression', (bytes: Buffer) => bytes],
  ])('are listed with %s, large ones too', async (_name, pack) => {
    const contents = await read(pack(tarArchive([file('etc/hosts'), file('bin/large', 3 * MIB), file('a/.wh.b', 0)])));
    expect(contents).toMatchObject({
      bytes: 3 * MIB + 3,
      files: [
        { path: 'etc/hosts', type: 'file', size: 3, mode: 0o644 },
        { path: 'bin/large', type: 'file', size: 3 * MIB },
        { path: 'a/.wh.b', type: 'whiteout' },
      ],
    });
    expect(contents.truncated).toBeUndefined();
  });

  it('have the names of the layer, wherever they lead to', async () => {
    const names = ['../../etc/passwd', '/root/.ssh/authorized_keys', 'a\u202egpj.exe', '<script>'];
    expect(pathsOf(await read(gzipSync(tarArchive(names.map((name) => file(name))))))).toEqual(names);
  });

  it('end where the layer is cut off', async () => {
    const whole = gzipSync(
      tarArchive([file('first'), { path: 'second', content: Buffer.from(String(Math.random())) }]),
    );
    const archive = tarArchive([file('first'), file('second', 4096)]);
    expect(await read(archive.subarray(0, 2048))).toMatchObject({ truncated: expect.stringContaining('damaged') });
    const cut = await read(whole.subarray(0, whole.length - 20)).catch((err: unknown) => err);
    expect(cut).toSatisfy((found: { truncated?: string; reason?: string }) => Boolean(found.truncated ?? found.reason));
  });

  it('do not make a header of gigabytes fill the memory', async () => {
    const bomb = gzipSync(
      Buffer.concat([tarArchive([file('first')]).subarray(0, 1024), headerOf('x', 1024 * MIB), Buffer.alloc(64 * MIB)]),
    );
    const before = process.memoryUsage().rss;
    expect(await read(bomb)).toMatchObject({ truncated: expect.stringContaining('Header') });
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB);
  });

  it('are none in what is no archive', async () => {
    await expect(read(Buffer.alloc(4096, 'x'))).rejects.toMatchObject({ reason: 'invalid' });
    await expect(read(gzipSync(Buffer.alloc(4096, 'x')))).rejects.toMatchObject({ reason: 'invalid' });
    await expect(read(Buffer.from('1f8b0000', 'hex'))).rejects.toMatchObject({ reason: 'invalid' });
    expect(await read(Buffer.alloc(1024))).toEqual({ files: [], bytes: 0 });
  });
});
