import pLimit from 'p-limit';

import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { addAttachments, type Attachments } from './attachments.ts';
import { BlobFeed } from './blob-feed.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest, ImageSource } from './image-source.ts';
import { type CopyPlan, fetchManifest, Planner, readManifest } from './plan.ts';
import { matches, narrowIndex, type Platform, platformText, selectImages } from './platform.ts';

/** The parts of an image, counted. */
export interface CopySize {
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes of the blobs. */
  readonly size: number;
  /** Signatures, SBOMs and other attachments among the manifests. */
  readonly attachments: number;
}

/** Progress of a copy. Sizes and positions in bytes. */
export interface CopyEvents {
  planned(plan: CopySize): void;
  blobStarted(blob: Descriptor): void;
  blobMoved(blob: Descriptor, position: number): void;
  blobDone(blob: Descriptor, how: 'copied' | 'mounted' | 'present'): void;
  blobFailed(blob: Descriptor): void;
}

export interface CopyOptions {
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  /** Also copy the attachments of the image and its platforms, which are referrers or digest tags, and their attachments. */
  readonly referrers: boolean;
  /** Of an index, only these manifests, without changing the index. Absent: all, or those for the platforms. */
  readonly children?: ReadonlySet<Digest>;
  /** Only these attachments. Absent: all. */
  readonly attachments?: ReadonlySet<Digest>;
  /** Blobs that are copied concurrently. */
  readonly jobs: number;
  readonly events: CopyEvents;
  readonly signal: AbortSignal;
}

export interface CopyResult {
  readonly root: Descriptor;
  /** It is another manifest than the source's, as platforms were selected. */
  readonly isNarrowed: boolean;
  readonly manifests: number;
  readonly blobs: number;
  /** Signatures, SBOMs and other attachments among the manifests. */
  readonly attachments: number;
}

const NO_ATTACHMENTS: Attachments = { count: 0, tags: [] };

/**
 * Copies an image: its blobs, then its manifests from the innermost to the root, and its name last. Every byte is verified, and manifests
 * are not changed.
 *
 * @throws {ImageError} | {RegistryError}, or the reason of the signal; then nothing is named at the destination
 */
export async function copyImage(
  source: ImageSource,
  destination: ImageDestination,
  options: CopyOptions,
): Promise<CopyResult> {
  const found = await source.root();
  const root = await choosePlatforms(source, found, options);
  const planner = new Planner(source);
  await addImage(source, planner, { root, children: options.children });
  const { count: attachments, tags } = options.referrers
    ? await addAttachments(source, planner, options.attachments)
    : NO_ATTACHMENTS;
  const { plan } = planner;
  const size = plan.blobs.reduce((sum, blob) => sum + blob.size, 0);
  options.events.planned({ manifests: plan.manifests.length, blobs: plan.blobs.length, size, attachments });
  await copyBlobs(source, destination, plan, options);
  for (const manifest of plan.manifests) {
    options.signal.throwIfAborted();
    if (manifest.digest !== root.digest) await destination.putManifest(manifest);
  }
  for (const { manifest, tag } of tags) await destination.putTag(manifest, tag);
  await destination.putRoot(root);
  await destination.commit();
  const { mediaType, digest } = root;
  return {
    root: { mediaType, digest, size: root.size },
    isNarrowed: digest !== found.digest,
    manifests: plan.manifests.length,
    blobs: plan.blobs.length,
    attachments,
  };
}

/** Adds an image to a plan: all of it, or of an index only some manifests. @throws {ImageError} also when one of these is missing */
export async function addImage(
  source: ImageSource,
  planner: Planner,
  { root, children }: { readonly root: ImageManifest; readonly children: CopyOptions['children'] },
): Promise<void> {
  if (!children || children.size === 0) return planner.add(root);
  planner.addAlone(root);
  for (const entry of readManifest(root, source.name).references) {
    if (children.has(entry.digest)) await planner.add(await fetchManifest(source, entry));
  }
  planner.require(children);
}

/** One platform: the image itself; several: the index without the others; none: all of it. @throws {ImageError} | {RegistryError} */
export async function choosePlatforms(
  source: ImageSource,
  root: ImageManifest,
  { platforms }: Pick<CopyOptions, 'platforms'>,
): Promise<ImageManifest> {
  if (platforms.length === 0) return root;
  const { references } = readManifest(root, source.name);
  const images = references.filter(({ kind }) => kind === 'manifest');
  if (images.length === 0) {
    await checkPlatform(source, root, platforms);
    return root;
  }
  const chosen = selectImages(images, platforms, source.name);
  const [only, ...others] = images.filter(({ digest }) => chosen.has(digest));
  return only && others.length === 0 ? fetchManifest(source, only) : narrowIndex(root, chosen, source.name);
}

/** An image without an index has its platform in its configuration. */
export async function checkPlatform(
  source: ImageSource,
  root: ImageManifest,
  platforms: readonly Platform[],
): Promise<void> {
  const config = await readConfig(source, root);
  if (config && platforms.every((platform) => matches(platform, config))) return;
  const wanted = platforms.map((platform) => platformText({ ...platform })).join(', ');
  throw new ImageError(`${source.name}: is for ${platformText(config) ?? 'no platform'} and not for ${wanted}`);
}

/** Bytes. */
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** The configuration of an image; undefined when it has none in JSON. @throws {ImageError} when it is damaged */
export async function readConfig(
  source: ImageSource,
  manifest: ImageManifest,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const descriptor = readManifest(manifest, source.name).references.find(({ kind }) => kind === 'config');
  if (!descriptor?.mediaType.endsWith('+json')) return undefined;
  if (descriptor.size > MAX_CONFIG_BYTES)
    throw new ImageError(`${source.name}: refused, the configuration has ${descriptor.size} bytes`);
  const { signal } = new AbortController();
  const feed = new BlobFeed({ source, descriptor, signal, onPosition: () => undefined });
  const chunks: Uint8Array[] = [];
  for await (const chunk of feed.open(0)) chunks.push(Buffer.from(chunk));
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch (cause) {
    throw new ImageError(`${source.name}: the configuration of the image is not JSON`, { cause });
  }
}

/** After the first failure no other blob is started, and those in progress are aborted. */
async function copyBlobs(
  source: ImageSource,
  destination: ImageDestination,
  { blobs }: CopyPlan,
  { jobs, events, signal }: CopyOptions,
): Promise<void> {
  const stop = new AbortController();
  const limit = pLimit(Math.max(1, Math.min(jobs, destination.maxJobs)));
  const both = AbortSignal.any([signal, stop.signal]);
  const copies = blobs.map((descriptor) =>
    limit(async () => {
      both.throwIfAborted();
      try {
        await copyBlob(source, destination, { descriptor, events, signal: both });
      } catch (err) {
        events.blobFailed(descriptor);
        stop.abort(err);
        throw err;
      }
    }),
  );
  await Promise.allSettled(copies);
  signal.throwIfAborted();
  // The first failure is the reason for the others.
  if (stop.signal.aborted) throw stop.signal.reason;
}

async function copyBlob(
  source: ImageSource,
  destination: ImageDestination,
  { descriptor, events, signal }: { descriptor: Descriptor; events: CopyEvents; signal: AbortSignal },
): Promise<void> {
  if (await destination.hasBlob(descriptor)) {
    events.blobDone(descriptor, 'present');
    return;
  }
  events.blobStarted(descriptor);
  const onPosition = (position: number) => events.blobMoved(descriptor, position);
  const how = await destination.putBlob(new BlobFeed({ source, descriptor, signal, onPosition }));
  events.blobDone(descriptor, how);
}
