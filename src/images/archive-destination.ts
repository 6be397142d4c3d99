import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';

import type { ManifestDescriptor } from '../oci/descriptor.ts';
import { parseManifest } from '../oci/manifest.ts';
import type { BlobFeed } from './blob-feed.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest } from './image-source.ts';
import { entryOf, indexJson, type LayoutNames, namesWithTag, OCI_LAYOUT, withEntry } from './index-json.ts';
import { blobPath } from './layout-source.ts';
import { isAbsent } from './layout-files.ts';

/** The same image always gives the same archive. */
const NO_TIME = new Date(0);

/** An OCI layout in one new tar file, which is visible when it is complete. */
export class ArchiveDestination implements ImageDestination {
  readonly name: string;
  /** An archive is written sequentially. */
  readonly maxJobs = 1;
  readonly #path: string;
  readonly #temporary: string;
  readonly #names: LayoutNames;
  readonly #archive: Pack = pack();
  readonly #written: Promise<void>;
  readonly #paths = new Set<string>();
  #entries: readonly ManifestDescriptor[] = [];

  private constructor(path: string, names: LayoutNames) {
    this.#path = path;
    this.#names = names;
    this.name = `oci-archive:${path}${names.tag === undefined ? '' : `:${names.tag}`}`;
    this.#temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
    const chunks = Readable.from(this.#archive as AsyncIterable<Uint8Array>, { objectMode: false });
    this.#written = pipeline(chunks, createWriteStream(this.#temporary, { flags: 'wx' }));
    // The next write reports it.
    this.#written.catch(() => undefined);
    this.#archive.on('error', () => undefined);
  }

  /** @throws {ImageError} when the file exists: archives are not changed or overwritten */
  static async create(path: string, names: LayoutNames): Promise<ArchiveDestination> {
    if (await exists(path)) throw new ImageError(`${path}: already exists (remove it or choose another file)`);
    if (!(await exists(dirname(path)))) throw new ImageError(`${dirname(path)}: no such directory`);
    const destination = new ArchiveDestination(path, names);
    await destination.#add('oci-layout', OCI_LAYOUT);
    return destination;
  }

  async hasBlob(): Promise<boolean> {
    return false;
  }

  async putBlob(feed: BlobFeed): Promise<'copied'> {
    const { digest, size } = feed.descriptor;
    await this.#entry(blobPath(digest), size, feed.open(0));
    return 'copied';
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    if (parseManifest(manifest.bytes).subject) this.#entries = withEntry(this.#entries, entryOf(manifest));
  }

  async putTag(manifest: ImageManifest, tag: string): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, namesWithTag(this.#names, tag)));
  }

  async putRoot(manifest: ImageManifest): Promise<void> {
    await this.#add(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, this.#names));
  }

  async commit(): Promise<void> {
    await this.#add('index.json', indexJson(this.#entries));
    this.#archive.finalize();
    await this.#written;
    const file = await open(this.#temporary);
    await file.sync().finally(() => file.close());
    if (await exists(this.#path)) throw new ImageError(`${this.#path}: was created by another process in the meantime`);
    await rename(this.#temporary, this.#path);
  }

  async close(): Promise<void> {
    this.#archive.destroy();
    await this.#written.catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }

  async #add(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#paths.has(path)) return;
    await this.#entry(path, bytes.length, [bytes]);
  }

  async #entry(path: string, size: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    this.#paths.add(path);
    const done = new Promise<void>((resolve, reject) => {
      const settle = (err?: Error | null) => (err ? reject(err) : resolve());
      const sink = this.#archive.entry({ name: path, size, mode: 0o644, mtime: NO_TIME }, settle);
      // Its failure is reported below.
      sink.on('error', () => undefined);
      const failed = (err: Error) => {
        sink.destroy(err);
        reject(err);
      };
      this.#written.catch(failed);
      writeAll(sink, chunks).catch(failed);
    });
    await done;
  }
}

type Sink = ReturnType<Pack['entry']>;

async function writeAll(sink: Sink, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    // The archive keeps the chunk, and a source may use its buffer again.
    if (!sink.write(Buffer.from(chunk))) await drained(sink);
  }
  sink.end(undefined);
}

function drained(sink: Sink): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      sink.off('close', onClose);
      resolve();
    };
    const onClose = () => {
      sink.off('drain', onDrain);
      reject(new Error('the archive was closed'));
    };
    sink.once('drain', onDrain).once('close', onClose);
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (err: unknown) => {
      if (isAbsent(err)) return false;
      throw err;
    },
  );
}
