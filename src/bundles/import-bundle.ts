import { explainFailure } from '../images/failure.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ImportProgress, ImportRequest, ImportResult } from '../operations/bundle-control.ts';
import { type Bundle, openBundle } from './bundle.ts';
import { parsePublicKey } from './signature.ts';
import { refuseTooLarge, type StorageSpace } from './refuse-too-large.ts';
import { importImage, type ImportTarget, type MissingBlob } from './import-image.ts';

export interface ImportBundleOptions {
  readonly target: ImportTarget;
  /** Protects names of an imported image. */
  readonly pin: (bundle: string, names: readonly string[]) => Promise<void>;
  /** The error that an operator sees for a failure of the storage; undefined for another failure. */
  readonly storageFailure: (err: unknown) => Error | undefined;
  /** Undefined without a quota. */
  readonly space: () => Promise<StorageSpace | undefined>;
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
}

/** Imports the images of a bundle, one after the other; one that fails is named, and the others are imported. @throws {ImageError} */
export async function importBundle(request: ImportRequest, options: ImportBundleOptions): Promise<ImportResult> {
  const { paths, key } = request;
  const bundle = await openBundle(paths, key === undefined ? undefined : parsePublicKey(key, 'the key'));
  try {
    return await importImages(bundle, request, options);
  } finally {
    await bundle.files.close();
  }
}

async function importImages(
  bundle: Bundle,
  { pin, dryRun }: ImportRequest,
  { signal, onProgress, ...options }: ImportBundleOptions,
): Promise<ImportResult> {
  const { id } = bundle;
  const { images } = bundle.lock;
  const imported: string[] = [];
  const failed: { name: string; reason: string }[] = [];
  const missing = new Set<Digest>();
  let bytes = 0;
  const space = await options.space();
  if (space) await refuseTooLarge(bundle, space);
  for (const digest of bundle.contents.absent) {
    signal.throwIfAborted();
    if ((await options.target.storedSize(digest)) === undefined) missing.add(digest);
  }
  for (const image of images) {
    const { name } = image;
    const report = (done: number, size: number) => onProgress({ image: name, bytes: done, size });
    report(0, image.size);
    try {
      signal.throwIfAborted();
      const found = await importImage(bundle, image, { ...options, dryRun, signal, onProgress: report });
      bytes += found.bytes;
      for (const { blob } of found.missing) missing.add(blob.digest);
      if (found.missing.length > 0) failed.push({ name, reason: reasonOf(found.missing) });
      else {
        if (pin && !dryRun) await options.pin(id, found.names);
        imported.push(name);
      }
    } catch (err) {
      signal.throwIfAborted();
      const reason = space && isEvicted(err) ? EVICTED : explainFailure(options.storageFailure(err) ?? err);
      if (reason === undefined) throw err;
      failed.push({ name, reason });
    }
  }
  return {
    id,
    images: images.length,
    imported,
    failed,
    missing: [...missing].sort(),
    missingVolumes: bundle.contents.volumes
      .filter(({ blobs }) => blobs.some((one) => missing.has(one)))
      .map(({ name }) => name),
    problems: bundle.problems,
    bytes,
  };
}

function reasonOf(missing: readonly MissingBlob[]): string {
  const leftOut = missing.filter(({ isLeftOut }) => isLeftOut);
  const others = missing.filter((one) => one.volume === undefined && !one.isLeftOut).map(({ reason }) => reason);
  const volumes = [...new Set(missing.map(({ volume }) => volume))].filter((name) => name !== undefined);
  const more = others.length > MAX_REASONS ? [`${others.length - MAX_REASONS} more blobs are missing`] : [];
  const needed = volumes.map((name) => `needs ${name}`);
  return [...needed, ...describeLeftOut(leftOut), ...others.slice(0, MAX_REASONS), ...more].join('; ');
}

function describeLeftOut(blobs: readonly MissingBlob[]): string[] {
  const [first, ...more] = blobs;
  if (!first) return [];
  return more.length === 0
    ? [first.reason]
    : [`${blobs.length} blobs were left out of the bundle, and are not in the cache`];
}

/** A blob that was written shortly before is gone. */
function isEvicted(err: unknown): boolean {
  return err instanceof RegistryError && (err.code === 'MANIFEST_BLOB_UNKNOWN' || err.code === 'BLOB_UNKNOWN');
}

const EVICTED = 'was evicted again: pinned and hosted content uses up storage.quota';
/** Of one image. All digests are in the result. */
const MAX_REASONS = 3;
