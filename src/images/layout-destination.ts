import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, lstat, mkdir, open, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import { digestAlgorithm, digestHex } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import { type BlobFeed, DamagedBlobError } from './blob-feed.ts';
import { FileAppender } from './file-appender.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest } from './image-source.ts';
import { entryOf, indexJson, type LayoutNames, namesWithTag, OCI_LAYOUT, withEntry } from './index-json.ts';
import { DirectoryFiles, isAbsent } from './layout-files.ts';
import { refuseLinkOut } from './layout-links.ts';
import { LayoutLock } from './layout-lock.ts';
import { blobPath, LayoutSource } from './layout-source.ts';

/** Directory of incomplete blobs; the next run resumes those of a run that failed. */
const PARTIAL = '.layover-partial';

/**
 * An OCI layout in a directory, new or with other images in it. `index.json` is written last, and atomically: until then, readers see
 * the previous content.
 */
export class LayoutDestination implements ImageDestination {
  readonly name: string;
  readonly maxJobs = Infinity;
  readonly #root: string;
  readonly #names: LayoutNames;
  readonly #lock: LayoutLock;
  #entries: readonly ManifestDescriptor[];

  private constructor(
    root: string,
    { names, lock, entries }: { names: LayoutNames; lock: LayoutLock; entries: readonly ManifestDescriptor[] },
  ) {
    this.#root = root;
    this.#names = names;
    this.#lock = lock;
    this.#entries = entries;
    this.name = `oci:${root}${names.tag === undefined ? '' : `:${names.tag}`}`;
  }

  /** @throws {ImageError} for a directory with other files, or when another process writes to it */
  static async open(root: string, names: LayoutNames): Promise<LayoutDestination> {
    await mkdir(root, { recursive: true });
    const lock = await LayoutLock.take(join(root, '.layover-lock'), root);
    try {
      const files = new DirectoryFiles(root);
      const isLayout = (await files.size('index.json')) !== undefined;
      const entries = isLayout ? await new LayoutSource(files, { name: undefined, digest: undefined }).entries() : [];
      return new LayoutDestination(root, { names, lock, entries });
    } catch (err) {
      await lock.release();
      throw err;
    }
  }

  async hasBlob({ digest, size }: Descriptor): Promise<boolean> {
    await refuseLinkOut(this.#root, dirname(blobPath(digest)));
    const found = await lstat(join(this.#root, blobPath(digest))).catch(unlessAbsent);
    // Anything but a file is not this blob; the target of a link may change.
    return found?.isFile() === true && found.size === size;
  }

  async putBlob(feed: BlobFeed): Promise<'copied'> {
    const { digest } = feed.descriptor;
    const partial = join(this.#root, PARTIAL, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
    await refuseLinkOut(this.#root, PARTIAL);
    await mkdir(dirname(partial), { recursive: true });
    try {
      await grow(partial, feed);
    } catch (err) {
      if (!(err instanceof DamagedBlobError)) throw err;
      const hadSome = feed.absorbed > 0;
      await rm(partial, { force: true });
      // The bytes of an earlier run may be the damaged ones.
      if (!hadSome) throw err;
      feed.restart();
      await grow(partial, feed).catch(async (again: unknown) => {
        if (again instanceof DamagedBlobError) await rm(partial, { force: true });
        throw again;
      });
    }
    await this.#publish(partial, blobPath(digest));
    return 'copied';
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    await this.#write(blobPath(manifest.digest), manifest.bytes);
    // Referrers are found only through the index.
    if (parseManifest(manifest.bytes).subject) this.#entries = withEntry(this.#entries, entryOf(manifest));
  }

  async putTag(manifest: ImageManifest, tag: string): Promise<void> {
    await this.#write(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, namesWithTag(this.#names, tag)));
  }

  async putRoot(manifest: ImageManifest): Promise<void> {
    await this.#write(blobPath(manifest.digest), manifest.bytes);
    this.#entries = withEntry(this.#entries, entryOf(manifest, this.#names));
  }

  async commit(): Promise<void> {
    await this.#write('oci-layout', OCI_LAYOUT);
    await this.#write('index.json', indexJson(this.#entries));
  }

  async close(): Promise<void> {
    // Empty when there is nothing to resume.
    await rmdir(join(this.#root, PARTIAL)).catch(() => undefined);
    await this.#lock.release();
    await rmdir(this.#root).catch(() => undefined);
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#root, PARTIAL, randomUUID());
    await refuseLinkOut(this.#root, PARTIAL);
    await mkdir(dirname(temporary), { recursive: true });
    try {
      await writeFile(temporary, bytes, { flush: true });
      await this.#publish(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #publish(from: string, path: string): Promise<void> {
    const to = join(this.#root, path);
    if (path.includes('/')) await refuseLinkOut(this.#root, dirname(path));
    await mkdir(dirname(to), { recursive: true });
    // A link in its place is replaced, not followed.
    const occupied = await lstat(to).catch(unlessAbsent);
    if (occupied && !occupied.isFile() && !occupied.isSymbolicLink())
      throw new ImageError(`${this.name}: ${path} is not a file`);
    await rename(from, to);
  }
}

/** Resumes a partial file. It is complete and durable when this resolves. */
async function grow(partial: string, feed: BlobFeed): Promise<void> {
  const found = await lstat(partial).catch(unlessAbsent);
  if (found && !found.isFile()) await rm(partial, { recursive: true });
  const there = found?.isFile() ? found.size : 0;
  const start = there <= feed.descriptor.size ? there : 0;
  const { O_CREAT, O_NOFOLLOW, O_RDWR, O_TRUNC } = constants;
  const file = await open(partial, O_RDWR | O_NOFOLLOW | (start > 0 ? 0 : O_CREAT | O_TRUNC));
  const appender = new FileAppender(file, start);
  try {
    if (start > 0) await feed.absorb(createReadStream(partial, { end: start - 1 }));
    for await (const chunk of feed.open(start)) await appender.put(chunk);
    await appender.flush();
    await file.sync();
  } finally {
    // What arrived before a failure is resumed by the next run.
    await appender.flush().catch(() => undefined);
    await file.close();
  }
}

function unlessAbsent(err: unknown): undefined {
  if (!isAbsent(err)) throw err;
}
