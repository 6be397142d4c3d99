import { addAttachments } from '../images/attachments.ts';
import { choosePlatforms, copyImage, type CopyEvents } from '../images/copy.ts';
import { ImageError } from '../images/image-error.ts';
import type { ImageManifest } from '../images/image-source.ts';
import type { RegistryLocation } from '../images/location.ts';
import { Planner } from '../images/plan.ts';
import type { Platform } from '../images/platform.ts';
import { type DestinationRegistry, RegistryDestination } from '../images/registry-destination.ts';
import { RegistrySource, type SourceRegistry } from '../images/registry-source.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { RegistryReader } from '../registry/registry.ts';

/** A registry that images are copied to. */
export interface SyncTarget {
  readonly registry: DestinationRegistry & Pick<RegistryReader, 'resolveManifest'>;
  readonly host: string;
  /** Before the names of repositories. Absent: none. */
  readonly prefix: string | undefined;
  /** Of an image with some platforms, the index is copied without the others. */
  readonly isNarrowed: boolean;
}

export interface ImageToPush {
  readonly location: RegistryLocation & { readonly tag: string };
  readonly digest: Digest;
  /** Of an index. Empty: all. */
  readonly manifests: readonly Digest[];
  readonly platforms: readonly Platform[];
  /** Attachments that are stored; undefined when none are wanted. */
  readonly attachments: readonly Digest[] | undefined;
}

export interface PushCall {
  /** The cache, which has the image. */
  readonly source: SourceRegistry;
  readonly target: SyncTarget;
  /** Blobs of the image that are copied at the same time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** @param bytes of blobs, copied so far @param total of the image */
  readonly onBytes: (bytes: number, total: number) => void;
}

export interface PushedImage {
  readonly digest: Digest;
  /** What the tag pointed to before; absent when it was not there. */
  readonly was: Digest | undefined;
  /** Of copied blobs. */
  readonly bytes: number;
  readonly isCopied: boolean;
}

/** The name of a repository in the other registry. */
export function targetRepository({ prefix }: Pick<SyncTarget, 'prefix'>, repository: string): string {
  return prefix === undefined ? repository : `${prefix}/${repository}`;
}

/**
 * Copies an image to another registry, unless its tag has that digest there.
 *
 * @throws {ImageError} | {RegistryError}, or the reason of the signal; then the tag is there as before
 */
export async function pushImage(image: ImageToPush, call: PushCall): Promise<PushedImage> {
  const { target, signal } = call;
  const { location, attachments } = image;
  const source = new RegistrySource({
    registry: call.source,
    location: { ...location, digest: image.digest },
    signal,
  });
  const repository = targetRepository(target, location.repository);
  const root = await choosePlatforms(source, await source.root(), { platforms: narrowedTo(image, target) });
  const { digest } = root;
  const was = await findDigest({ target, repository, signal }, location.tag);
  const isComplete = async () => {
    // An attachment of the whole index is attached to no manifest that is copied.
    const isNarrowed = digest !== image.digest && attachments !== undefined;
    const copied = isNarrowed ? await attachmentsOf(source, root) : (attachments ?? []);
    return hasAll({ target, repository, signal }, copied);
  };
  if (was === digest && (await isComplete())) return { digest, was, bytes: 0, isCopied: false };
  const events = new CountedBytes(call.onBytes);
  const destination = new RegistryDestination({
    registry: target.registry,
    location: { host: target.host, repository, tag: location.tag, digest: undefined },
    signal,
  });
  try {
    await copyImage(source, destination, {
      platforms: narrowedTo(image, target),
      ...(!target.isNarrowed && image.manifests.length > 0 && { children: new Set(image.manifests) }),
      referrers: attachments !== undefined,
      jobs: call.jobs,
      events,
      signal,
    });
  } catch (err) {
    throw explain(err, image, target);
  }
  return { digest, was, bytes: events.copied, isCopied: true };
}

/** Attachments that are copied with an index of some platforms, which has another digest than the whole one. */
async function attachmentsOf(source: RegistrySource, root: ImageManifest): Promise<Digest[]> {
  const planner = new Planner(source);
  await planner.add(root);
  const image = new Set(planner.plan.manifests.map((manifest) => manifest.digest));
  await addAttachments(source, planner);
  return planner.plan.manifests.map((manifest) => manifest.digest).filter((one) => !image.has(one));
}

function explain(err: unknown, { platforms }: ImageToPush, { host, isNarrowed }: SyncTarget): unknown {
  const isRefused = err instanceof RegistryError && /^MANIFEST_(?:BLOB_UNKNOWN|INVALID)$/.test(err.code);
  if (!isRefused || isNarrowed || platforms.length === 0) return err;
  const advice = 'set to.index: narrowed, or copy all platforms';
  return new ImageError(`${host} refuses an index without all of its platforms (${advice})`, { cause: err });
}

function narrowedTo({ platforms }: ImageToPush, { isNarrowed }: SyncTarget): readonly Platform[] {
  return isNarrowed ? platforms : [];
}

interface TargetRepository {
  readonly target: SyncTarget;
  readonly repository: string;
  readonly signal: AbortSignal;
}

/** A registry may allow pushes and no pulls before the first push: then only the push shows whether it is allowed. */
const MAYBE_ABSENT = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'UNAUTHORIZED', 'DENIED'];

/** By `HEAD`. */
async function findDigest({ target, repository, signal }: TargetRepository, tag: string): Promise<Digest | undefined> {
  return find(() => target.registry.resolveManifest(repository, { kind: 'tag', tag }, { signal }));
}

async function hasAll({ target, repository, signal }: TargetRepository, digests: readonly Digest[]): Promise<boolean> {
  for (const digest of digests) {
    const found = await find(() => target.registry.resolveManifest(repository, { kind: 'digest', digest }, { signal }));
    if (found === undefined) return false;
  }
  return true;
}

async function find(resolve: () => Promise<{ readonly digest: Digest }>): Promise<Digest | undefined> {
  try {
    return (await resolve()).digest;
  } catch (err) {
    if (err instanceof RegistryError && MAYBE_ABSENT.includes(err.code)) return undefined;
    throw err;
  }
}

/** Counts bytes of blobs that are there and of those that were copied. */
class CountedBytes implements CopyEvents {
  copied = 0;
  readonly #onBytes: (bytes: number, total: number) => void;
  readonly #moving = new Map<Digest, number>();
  #done = 0;
  #total = 0;

  constructor(onBytes: (bytes: number, total: number) => void) {
    this.#onBytes = onBytes;
  }

  planned({ size }: Parameters<CopyEvents['planned']>[0]): void {
    this.#total = size;
  }

  blobStarted(): void {
    // Reported as it moves.
  }

  blobMoved({ digest }: Parameters<CopyEvents['blobMoved']>[0], position: number): void {
    this.#moving.set(digest, position);
    this.#report();
  }

  blobDone(...[{ digest, size }, how]: Parameters<CopyEvents['blobDone']>): void {
    this.#moving.delete(digest);
    this.#done += size;
    if (how === 'copied') this.copied += size;
    this.#report();
  }

  blobFailed({ digest }: Parameters<CopyEvents['blobFailed']>[0]): void {
    this.#moving.delete(digest);
  }

  #report(): void {
    const moving = [...this.#moving.values()].reduce((sum, position) => sum + position, 0);
    this.#onBytes(this.#done + moving, this.#total);
  }
}
