import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';

import { type Extract, extract, type Header } from 'tar-stream';

import { ControlError } from '../operations/control-error.ts';
import type { LayerFile } from '../operations/layer-control.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import { cutText } from './cut-text.ts';

/** The entries of a layer. */
export interface LayerContents {
  readonly files: readonly LayerFile[];
  /** Unpacked bytes of all its files. */
  readonly bytes: number;
  /** Why the list ends early. */
  readonly truncated?: string;
}

const MAX_ENTRIES = 200_000;
const MAX_UNPACKED = 8 * 1024 ** 3;
const MAX_MS = 60_000;
/** Of a name, and of all names together: characters. */
const MAX_NAME = 1_024;
const MAX_NAMES = 32 * 1024 * 1024;

const TYPES: Readonly<Record<string, LayerFile['type']>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
  'character-device': 'device',
  'block-device': 'device',
  fifo: 'fifo',
};

/**
 * Reads the names of a layer once, and keeps none of its content. Names mean nothing here, wherever they lead to.
 *
 * @throws {ControlError} `invalid` when it is not a tar file, compressed or not
 */
export async function readLayer(source: ByteSource): Promise<LayerContents> {
  const packed = Readable.from(copied(source));
  const unpacked = await unpack(packed, source);
  const list = new LayerList();
  try {
    const truncated = await list.read(unpacked);
    return { files: list.files, bytes: list.bytes, ...(truncated !== undefined && { truncated }) };
  } catch (err) {
    const reason = `damaged: ${err instanceof Error ? err.message : String(err)}`;
    if (list.files.length === 0) throw new ControlError('invalid', `not a layer that can be read, or ${reason}`);
    return { files: list.files, bytes: list.bytes, truncated: reason };
  } finally {
    unpacked.destroy();
    packed.destroy();
  }
}

/** A chunk of a source is valid only until the next one. */
async function* copied(source: ByteSource): AsyncGenerator<Buffer> {
  for await (const chunk of source.read({ start: 0, end: source.size })) yield Buffer.from(chunk);
}

async function unpack(packed: Readable, source: ByteSource): Promise<Readable> {
  const unpacker = unpackerOf(await firstBytes(source));
  if (!unpacker) return packed;
  packed.on('error', (err) => unpacker.destroy(err));
  return packed.pipe(unpacker);
}

async function firstBytes(source: ByteSource): Promise<string> {
  for await (const chunk of source.read({ start: 0, end: Math.min(4, source.size) }))
    return Buffer.from(chunk).toString('hex');
  return '';
}

function unpackerOf(magic: string) {
  if (magic.startsWith('1f8b')) return zlib.createGunzip();
  if (!magic.startsWith('28b52ffd')) return undefined;
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => zlib.Gunzip };
  if (createZstdDecompress) return createZstdDecompress();
  throw new ControlError('invalid', 'layers with zstd can be read with Node.js 22.15 or later');
}

/** Resolves at the first of the events. */
function nextOf(archive: Extract, events: readonly ('drain' | 'finish' | 'close')[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      for (const event of events) archive.off(event, end);
      resolve();
    };
    for (const event of events) archive.on(event, end);
  });
}

/** Collects the headers of a tar stream within the limits; the parser has one for the size of a header. */
class LayerList {
  readonly files: LayerFile[] = [];
  bytes = 0;
  #names = 0;
  #unpacked = 0;

  /** @returns why it ended early */
  async read(unpacked: Readable): Promise<string | undefined> {
    const startedAt = performance.now();
    const archive = extract();
    let failure: Error | undefined;
    archive.on('error', (err) => (failure = err));
    archive.on('entry', (header, stream, next) => {
      this.#add(header);
      stream.on('end', next).on('error', () => {});
      stream.resume();
    });
    try {
      for await (const chunk of unpacked as AsyncIterable<Buffer>) {
        this.#unpacked += chunk.length;
        const limit = this.#exceeded(performance.now() - startedAt);
        if (limit !== undefined) return limit;
        if (!archive.write(chunk) && !failure) await nextOf(archive, ['drain', 'close']);
        if (failure) throw failure;
      }
      archive.end(undefined);
      if (!failure) await nextOf(archive, ['finish', 'close']);
      if (failure) throw failure;
      return undefined;
    } finally {
      archive.destroy();
    }
  }

  #add(header: Header): void {
    const { name, type, mode, size, mtime, linkname } = header;
    const path = cutText(name, MAX_NAME);
    const link = typeof linkname === 'string' && linkname !== '' ? cutText(linkname, MAX_NAME) : undefined;
    this.#names += path.length + (link?.length ?? 0);
    this.bytes += size;
    const isWhiteout = path.slice(path.lastIndexOf('/') + 1).startsWith('.wh.');
    const modifiedAt = mtime && Number.isFinite(mtime.getTime()) ? mtime.toISOString() : undefined;
    const shown = isWhiteout ? 'whiteout' : (TYPES[type ?? ''] ?? 'other');
    this.files.push({ path, type: shown, mode, size, modifiedAt, link });
  }

  #exceeded(elapsedMs: number): string | undefined {
    if (this.files.length >= MAX_ENTRIES) return `more than ${MAX_ENTRIES} entries`;
    if (this.#unpacked > MAX_UNPACKED) return 'more than 8 GiB unpacked';
    if (this.#names > MAX_NAMES) return 'its names are too long';
    return elapsedMs > MAX_MS ? 'it takes more than a minute to read' : undefined;
  }
}
