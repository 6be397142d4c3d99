import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Extract, extract, type Header } from 'tar-stream';

import { ImageError } from './image-error.ts';
import { type LayoutFiles, readExactly } from './layout-files.ts';

/** The position of a file in the archive. */
interface TarEntry {
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

const MAX_ENTRIES = 100_000;
/** `a -> b -> c …` */
const MAX_LINKS = 10;
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const CHUNK = 256 * 1024;
const HEADER_BYTES = 512;

/**
 * The files of a tar archive, which is read in place and never unpacked. Archives with entries that would lead out of a directory are
 * refused anyway, as they are attacks.
 */
export class TarFiles implements LayoutFiles {
  readonly name: string;
  readonly #file: FileHandle;
  readonly #entries: ReadonlyMap<string, TarEntry>;
  readonly #links: ReadonlyMap<string, string>;

  private constructor(name: string, file: FileHandle, { entries, links }: TarIndex) {
    this.name = name;
    this.#file = file;
    this.#entries = entries;
    this.#links = links;
  }

  /** @throws {ImageError} when it is not an archive, is cut off, or is unsafe */
  static async open(path: string): Promise<TarFiles> {
    const file = await open(path);
    try {
      await refuseCompressed(file, path);
      return new TarFiles(path, file, await indexOf(path));
    } catch (err) {
      await file.close();
      throw err;
    }
  }

  async size(path: string): Promise<number | undefined> {
    return this.#find(path)?.size;
  }

  async read(path: string, limit: number): Promise<Buffer> {
    const entry = this.#find(path);
    if (!entry) throw new ImageError(`${this.name}: ${path} is missing`);
    if (entry.size > limit) throw new ImageError(`${this.name}: refused, ${path} has ${entry.size} bytes`);
    return readExactly(this.#file, { position: entry.offset, size: entry.size });
  }

  async *open(path: string, start: number): AsyncGenerator<Uint8Array> {
    const entry = this.#find(path);
    if (!entry) throw new ImageError(`${this.name}: ${path} is missing`);
    for (let at = start; at < entry.size; ) {
      const chunk = await readExactly(this.#file, {
        position: entry.offset + at,
        size: Math.min(CHUNK, entry.size - at),
      });
      if (chunk.length === 0) throw new ImageError(`${this.name}: ${path} is cut off`);
      at += chunk.length;
      yield chunk;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #find(path: string): TarEntry | undefined {
    let name = path;
    for (let followed = 0; followed <= MAX_LINKS; followed++) {
      const target = this.#links.get(name);
      if (target === undefined) return this.#entries.get(name);
      name = target;
    }
    throw new ImageError(`${this.name}: refused, ${path} is a link without an end`);
  }
}

interface TarIndex {
  readonly entries: Map<string, TarEntry>;
  readonly links: Map<string, string>;
}

async function indexOf(path: string): Promise<TarIndex> {
  const index: TarIndex = { entries: new Map(), links: new Map() };
  const archive = extract();
  archive.on('entry', (header, stream, next) => {
    // Failures are reported by the archive.
    stream.on('error', () => undefined);
    try {
      addEntry(index, { header, offset: stream.offset + HEADER_BYTES }, path);
    } catch (err) {
      next(err as Error);
      return;
    }
    stream.on('end', () => next());
    stream.resume();
  });
  try {
    await feed(archive, path);
  } catch (err) {
    if (err instanceof ImageError || (err instanceof Error && 'code' in err)) throw err;
    const reason = err instanceof Error ? err.message : '';
    throw new ImageError(`${path}: not a tar archive, or damaged: ${reason}`, { cause: err });
  }
  return index;
}

/** Resolves when the archive has been read to its end. */
async function feed(archive: Extract, path: string): Promise<void> {
  const { promise, resolve, reject } = settlement();
  // Stays, as an archive can fail again while it is destroyed.
  archive.on('error', reject);
  archive.on('finish', resolve);
  archive.on('close', () => reject(new Error('closed')));
  writeFile(archive, path).catch((err: unknown) => archive.destroy(err as Error));
  await promise;
}

async function writeFile(archive: Extract, path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (archive.destroyed) return;
    if (!archive.write(chunk)) {
      const { promise, resolve } = settlement();
      archive.once('drain', resolve).once('close', resolve);
      await promise;
      archive.off('drain', resolve).off('close', resolve);
    }
  }
  archive.end(undefined);
}

function settlement() {
  let resolve: () => void = () => undefined;
  let reject: (err: Error) => void = () => undefined;
  const promise = new Promise<void>((onSuccess, onFailure) => {
    resolve = onSuccess;
    reject = onFailure;
  });
  return { promise, resolve, reject };
}

function addEntry(
  { entries, links }: TarIndex,
  { header, offset }: { readonly header: Header; readonly offset: number },
  archive: string,
): void {
  const { type, size, linkname } = header;
  if (type === 'directory') return;
  const name = insideName(header.name, archive);
  if (entries.has(name) || links.has(name)) throw new ImageError(`${archive}: refused, ${name} is in it twice`);
  if (entries.size + links.size >= MAX_ENTRIES)
    throw new ImageError(`${archive}: refused, more than ${MAX_ENTRIES} files`);
  if (type === 'symlink') links.set(name, linkTarget(name, linkname, archive));
  else if (type === 'link') links.set(name, insideName(linkname, archive));
  else if (type === 'file' || type === 'contiguous-file') entries.set(name, { offset, size });
  else throw new ImageError(`${archive}: refused, ${name} is a ${type}`);
}

/** @throws {ImageError} for a name that leads out of the archive */
function insideName(name: string, archive: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..') || name.includes('\0')) {
    throw new ImageError(`${archive}: refused, it has a file outside of itself: ${JSON.stringify(name.slice(0, 200))}`);
  }
  return parts.join('/');
}

/** Old versions of docker write a repeated layer as a link to the first one. */
function linkTarget(name: string, target: string, archive: string): string {
  const parts = name.split('/').slice(0, -1);
  for (const part of insideLink(target, archive).split('/')) {
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) insideName(target, archive);
  }
  return insideName(parts.join('/'), archive);
}

function insideLink(target: string, archive: string): string {
  return target.startsWith('/') ? insideName(target, archive) : target;
}

async function refuseCompressed(file: FileHandle, path: string): Promise<void> {
  const head = await readExactly(file, { position: 0, size: 4 });
  const by = head.subarray(0, 2).equals(GZIP) ? 'gunzip' : head.equals(ZSTD) ? 'unzstd' : undefined;
  if (by !== undefined) throw new ImageError(`${path}: the archive is compressed (${by} it first)`);
}
