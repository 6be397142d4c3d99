import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';

import { complete, type Entry } from './tree.ts';

export interface Layer {
  /** Of the compressed layer. */
  readonly digest: string;
  readonly size: number;
  /** Of the uncompressed layer. */
  readonly diffId: string;
}

/** The highest level takes twice as long, for 1 % less. */
const COMPRESSION = 6;

/** Writes a layer as `<hex>` below `directory`. The same entries and the same time give the same bytes. @param epoch seconds since 1970 */
export async function writeLayer(entries: readonly Entry[], directory: string, epoch: number): Promise<Layer> {
  const tar = pack();
  const plain = new Digested();
  const compressed = new Digested();
  const unnamed = join(directory, `layer-${process.pid}`);
  const written = pipeline(tar, plain, createGzip({ level: COMPRESSION }), compressed, createWriteStream(unnamed));
  await Promise.all([written, packAll(tar, complete(entries), new Date(epoch * 1000))]);
  const hex = compressed.hex();
  await rename(unnamed, join(directory, hex));
  return { digest: `sha256:${hex}`, size: compressed.size, diffId: `sha256:${plain.hex()}` };
}

/** Writes a tar archive that is not compressed. */
export async function writeArchive(entries: readonly Entry[], to: string, epoch: number): Promise<void> {
  const tar = pack();
  await Promise.all([pipeline(tar, createWriteStream(to)), packAll(tar, complete(entries), new Date(epoch * 1000))]);
}

async function packAll(tar: Pack, entries: readonly Entry[], mtime: Date): Promise<void> {
  for (const entry of entries) await packEntry(tar, entry, mtime);
  tar.finalize();
}

async function packEntry(tar: Pack, entry: Entry, mtime: Date): Promise<void> {
  const { path: name } = entry;
  if (entry.kind === 'file') {
    const content = await entry.load();
    return add(tar, { name, mode: entry.mode, mtime, size: content.length }, content);
  }
  if (entry.kind === 'link') return add(tar, { name, mode: 0o777, mtime, type: 'symlink', linkname: entry.target });
  const { mode, owner } = entry;
  return add(tar, { name: `${name}/`, mode, mtime, type: 'directory', uid: owner, gid: owner });
}

/** Resolves when the archive takes more. */
function add(tar: Pack, header: Parameters<Pack['entry']>[0], content?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, content ?? '', (err) => (err ? reject(err) : resolve()));
  });
}

/** Passes everything on. */
class Digested extends Transform {
  size = 0;
  readonly #hash = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (err: null, chunk: Buffer) => void): void {
    this.size += chunk.length;
    this.#hash.update(chunk);
    done(null, chunk);
  }

  hex(): string {
    return this.#hash.digest('hex');
  }
}
