import { rm } from 'node:fs/promises';
import { basename } from 'node:path';

import { BlobFeed } from '../images/blob-feed.ts';
import { ImageError } from '../images/image-error.ts';
import { blobPath } from '../images/layout-source.ts';
import { TarWriter } from '../images/tar-writer.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { cutVolumes, tarFileBytes } from './cut-volumes.ts';
import { isComplete, type VolumeContent } from './kept-volume.ts';
import { type BundleParts, metadataFiles, sumInDigest } from './metadata.ts';
import type { PlannedImage } from './plan-image.ts';
import { sumOf } from './sums.ts';

export interface WriteVolumesOptions extends Pick<BundleParts, 'lock' | 'signKey'> {
  /** Path of the tar file; volumes get a number before `.tar`. */
  readonly output: string;
  readonly images: readonly PlannedImage[];
  /** Blobs that the other side has. */
  readonly have: ReadonlySet<Digest>;
  /** Bytes of a volume. Absent for one tar file. */
  readonly maxBytes: number | undefined;
  readonly strict: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number, size: number) => void;
}

/** A blob cannot be read from the storage, or is damaged there. */
export class UnreadableBlobError extends ImageError {
  readonly digest: Digest;

  constructor(digest: Digest, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.digest = digest;
  }
}

/** Writes a bundle into tar files. Complete ones of an earlier run are kept. @returns their paths @throws {ImageError} */
export async function writeVolumes(options: WriteVolumesOptions): Promise<string[]> {
  const { images, have, maxBytes = Infinity, strict, output } = options;
  const blobs = new Map(images.flatMap(({ plan }) => [...plan.blobs]));
  const absent = [...blobs.keys()].filter((digest) => have.has(digest)).sort();
  for (const digest of absent) blobs.delete(digest);
  const parts = {
    lock: options.lock,
    signKey: options.signKey,
    entries: images.reduce<BundleParts['entries']>((entries, { plan }) => plan.addTo(entries), []),
    manifests: new Map(images.flatMap(({ plan }) => [...plan.manifests])),
    blobSums: await sumsOf(blobs.values(), options),
  };
  const files = (volumes: BundleParts['contents']['volumes']) =>
    metadataFiles({ ...parts, contents: { absent, volumes } });
  const cut = cutVolumes([...blobs.values()], { maxBytes, strict, fixedBytes: fixedBytesOf(files, [...blobs.keys()]) });
  const paths = maxBytes === Infinity ? [output] : cut.map((_, i) => volumePath(output, i + 1));
  const volumes = cut.map((part, i) => ({ name: basename(paths[i] ?? ''), blobs: part.map(({ digest }) => digest) }));
  const metadata = files(maxBytes === Infinity ? [] : volumes);
  const progress = progressOf([...blobs.values()], options.onProgress);
  const added: string[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      const content = { metadata, blobs: cut[i] ?? [] };
      if (await isComplete(path, content)) progress.skip(content.blobs);
      else {
        await writeVolume(path, content, { ...options, onBytes: (blob, position) => progress.moved(blob, position) });
        added.push(path);
      }
    }
  } catch (err) {
    // All volumes name the blob that cannot be read.
    if (err instanceof UnreadableBlobError) await Promise.all(added.map((path) => rm(path)));
    throw err;
  }
  return paths;
}

/** Before the volumes are known: as if each blob had its own. */
function fixedBytesOf(
  files: (volumes: BundleParts['contents']['volumes']) => Map<string, Buffer>,
  digests: readonly Digest[],
): number {
  const name = 'x'.repeat(200);
  const metadata = files(digests.map((digest) => ({ name, blobs: [digest] })));
  return [...metadata].reduce((sum, [path, bytes]) => sum + tarFileBytes(path, bytes.length), 0);
}

/** `usb.tar` → `usb.001.tar` */
function volumePath(output: string, number: number): string {
  return `${output.slice(0, -'.tar'.length)}.${String(number).padStart(3, '0')}.tar`;
}

async function writeVolume(
  path: string,
  { metadata, blobs }: VolumeContent,
  { images, signal, onBytes }: WriteVolumesOptions & { readonly onBytes: (blob: Descriptor, position: number) => void },
): Promise<void> {
  const archive = await TarWriter.create(path);
  try {
    for (const [name, bytes] of metadata) await archive.add(name, bytes.length, [bytes]);
    for (const blob of blobs) {
      const feed = feedOf(blob, { images, signal, onPosition: (position) => onBytes(blob, position) });
      await archive.add(blobPath(blob.digest), blob.size, readable(feed));
    }
    await archive.commit();
  } finally {
    await archive.close();
  }
}

function feedOf(
  descriptor: Descriptor,
  {
    images,
    signal,
    onPosition,
  }: Pick<WriteVolumesOptions, 'images' | 'signal'> & {
    readonly onPosition: (position: number) => void;
  },
): BlobFeed {
  const source = images.find(({ plan }) => plan.blobs.has(descriptor.digest))?.source;
  if (!source) throw new Error(`no image has ${descriptor.digest}`);
  return new BlobFeed({ source, descriptor, signal, onPosition });
}

/** Distinguishes a failure to read from one to write. */
async function* readable(feed: BlobFeed): AsyncGenerator<Uint8Array> {
  const chunks = feed.open(0);
  for (;;) {
    const next = await chunks.next().catch((err: unknown) => {
      feed.signal.throwIfAborted();
      throw new UnreadableBlobError(feed.descriptor.digest, err);
    });
    if (next.done === true) return;
    yield next.value;
  }
}

/** Of digests without a sha256, the bytes are read for it. */
async function sumsOf(
  blobs: Iterable<Descriptor>,
  options: Pick<WriteVolumesOptions, 'images' | 'signal'>,
): Promise<Map<Digest, string>> {
  const sums = new Map<Digest, string>();
  for (const blob of blobs) {
    const feed = () => readable(feedOf(blob, { ...options, onPosition: () => undefined }));
    sums.set(blob.digest, sumInDigest(blob.digest) ?? (await sumOf(feed())));
  }
  return sums;
}

function progressOf(blobs: readonly Descriptor[], onProgress: (bytes: number, size: number) => void) {
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  return {
    moved(blob: Descriptor, position: number): void {
      onProgress(done + position, total);
      if (position === blob.size) done += blob.size;
    },
    skip(part: readonly Descriptor[]): void {
      done += part.reduce((sum, { size }) => sum + size, 0);
    },
  };
}
