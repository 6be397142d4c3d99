import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { extract, type Header } from 'tar-stream';

import { ImageError } from './image-error.ts';
import { type LayoutFiles, READ_BYTES, readExactly } from './layout-files.ts';
import { tarPadding } from './tar-header.ts';

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
const HEADER_BYTES = 512;
/** With the long names before it. */
const MAX_HEADER_BYTES = 1024 * 1024;

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
      return new TarFiles(path, file, await indexOf(file, path));
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
    const readAt = (at: number) =>
      readExactly(this.#file, { position: entry.offset + at, size: Math.min(READ_BYTES, entry.size - at) });
    let ahead = start < entry.size ? readAt(start) : undefined;
    try {
      for (let at = start; ahead; ) {
        const chunk = await ahead;
        if (chunk.length === 0) throw new ImageError(`${this.name}: ${path} is cut off`);
        at += chunk.length;
        ahead = at < entry.size ? readAt(at) : undefined;
        ahead?.catch(() => undefined); // the next await of it throws
        yield chunk;
      }
    } finally {
      // The file may be closed next.
      await ahead?.catch(() => undefined);
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

async function indexOf(file: FileHandle, path: string): Promise<TarIndex> {
  const index: TarIndex = { entries: new Map(), links: new Map() };
  const { size } = await file.stat();
  for (let position = 0; position < size; ) {
    const found = await readHeader(file, { position, path });
    if (!found) return index;
    const { header, offset } = found;
    const length = header.type === 'file' || header.type === 'contiguous-file' ? header.size : 0;
    if (offset + length > size) throw new ImageError(`${path}: the archive is damaged: it is cut off`);
    addEntry(index, found, path);
    position = offset + length + tarPadding(length);
  }
  return index;
}

interface FoundHeader {
  readonly header: Header;
  /** Of the content. */
  readonly offset: number;
}

/** The next entry, whose header may be several blocks long. @returns undefined at the end of the archive */
async function readHeader(
  file: FileHandle,
  { position, path }: { readonly position: number; readonly path: string },
): Promise<FoundHeader | undefined> {
  const archive = extract();
  let header: Header | undefined;
  let failure: Error | undefined;
  archive.on('entry', (found, stream) => {
    header = found;
    // It is destroyed with the archive.
    stream.on('error', () => undefined);
  });
  archive.on('error', (err) => (failure = err));
  try {
    for (let at = position; at < position + MAX_HEADER_BYTES; at += HEADER_BYTES) {
      const block = await readExactly(file, { position: at, size: HEADER_BYTES });
      if (block.length < HEADER_BYTES) throw new ImageError(`${path}: the archive is damaged: it is cut off`);
      if (at === position && block.every((byte) => byte === 0)) return undefined;
      archive.write(block);
      // The parser works in microtasks.
      await setImmediate();
      if (failure) throw failure;
      if (header) return { header, offset: at + HEADER_BYTES };
    }
    throw new ImageError(`${path}: refused, a header has more than ${MAX_HEADER_BYTES} bytes`);
  } catch (err) {
    if (err instanceof ImageError || (err instanceof Error && 'code' in err)) throw err;
    const reason = err instanceof Error ? err.message : '';
    throw new ImageError(`${path}: not a tar archive, or damaged: ${reason}`, { cause: err });
  } finally {
    archive.destroy();
  }
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
