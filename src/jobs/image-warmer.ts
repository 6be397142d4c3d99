import { ImageError } from '../images/image-error.ts';
import type { RegistryLocation } from '../images/location.ts';
import type { Platform } from '../images/platform.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { OfflineError, RegistryError } from '../oci/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { Bandwidth, UpstreamLogin } from '../registry/registry.ts';
import type { ImageCheckRequest, ImageCheckResult } from '../operations/cache-control.ts';
import type { ImageOutcome, ImageProgress, JobImage } from '../operations/job-control.ts';
import { BackgroundRegistry, type CachedUpstream } from './background-registry.ts';
import { HeldError } from './held-error.ts';
import { fetchManifests, type PlannedImage } from './image-fetch.ts';

/** A repository of an upstream. */
export interface UpstreamRepository {
  readonly registry: CachedUpstream;
  /** The stored name. */
  readonly stored: string;
}

export interface ImageWarmerOptions {
  /** @throws {RegistryError} when no upstream serves the name */
  readonly find: (host: string, repository: string) => UpstreamRepository;
  /** Links of the content are recorded as older until the returned function is called. */
  readonly fetching: (stored: string, digest: Digest) => () => void;
  readonly check: (image: ImageCheckRequest) => Promise<ImageCheckResult>;
  readonly pin: (pattern: string) => Promise<void>;
  /**
   * Reserves space, without content that clients use, until the returned function is called.
   *
   * @throws {HeldError}
   */
  readonly reserve: (blobs: readonly Descriptor[]) => Promise<() => void>;
}

export interface ImageToWarm {
  /** For the report. */
  readonly name: string;
  readonly location: RegistryLocation;
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly referrers: boolean;
  readonly pin: boolean;
  /** A stored tag is not revalidated. */
  readonly missingOnly: boolean;
}

export interface WarmCall {
  readonly class: 'sync' | 'warm';
  readonly bandwidth?: Bandwidth | undefined;
  readonly signal: AbortSignal;
  /** As for {@link BackgroundRegistry}. */
  readonly login?: UpstreamLogin | undefined;
  readonly onProgress: (image: ImageProgress) => void;
  /** Called with the parts of an image that is complete. */
  readonly onComplete?: (parts: ImageCheckRequest) => void;
}

/** An image in progress. */
interface Work extends Pick<WarmCall, 'signal' | 'onProgress'> {
  readonly image: ImageToWarm;
  readonly registry: BackgroundRegistry;
  digest?: Digest;
  was?: Digest | undefined;
  /** Its manifest is here. */
  isFound: boolean;
  bytes: number;
}

const GONE = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'];
const HELD = ['TOOMANYREQUESTS'];

/** Has the cache store images that no client requested. */
export class ImageWarmer {
  readonly #options: ImageWarmerOptions;

  constructor(options: ImageWarmerOptions) {
    this.#options = options;
  }

  /** Never fails, unless the signal ends it: a failure is an outcome. @throws the reason of the signal */
  async warm(image: ImageToWarm, call: WarmCall): Promise<JobImage> {
    const { signal, onProgress } = call;
    const { name, location } = image;
    signal.throwIfAborted();
    onProgress({ name, bytes: 0 });
    let work: Work | undefined;
    try {
      const { registry, stored } = this.#options.find(location.host, location.repository);
      const { fetching } = this.#options;
      const background = new BackgroundRegistry({ ...call, registry, stored, fetching });
      work = { image, signal, onProgress, registry: background, isFound: false, bytes: 0 };
      const planned = await this.#store(work, await this.#findRoot(work));
      await this.#assertComplete(planned);
      if (image.pin) await this.#pin([pinOf(stored, location), ...attachmentsOf(stored, planned)]);
      call.onComplete?.(planned.check);
      return report(work, outcomeOf(work));
    } catch (err) {
      signal.throwIfAborted();
      return { ...report(work ?? { image }, failureOf(err, work?.isFound)), reason: reasonOf(err) };
    }
  }

  async #findRoot(work: Work): Promise<Digest> {
    const { image, registry } = work;
    const digest = await this.#resolve(work);
    work.digest = digest;
    await registry.getManifest(image.location.repository, { kind: 'digest', digest });
    work.isFound = true;
    return digest;
  }

  async #resolve(work: Work): Promise<Digest> {
    const { repository, tag, digest } = work.image.location;
    if (digest !== undefined && tag === undefined) return digest;
    const { missingOnly } = work.image;
    const confirmed = await work.registry.confirmTag(repository, tag ?? 'latest', { missingOnly });
    if (digest !== undefined && confirmed.digest !== digest)
      throw new ImageError(`the tag ${tag} points to ${confirmed.digest}`);
    if (confirmed.previous !== confirmed.digest) work.was = confirmed.previous;
    return confirmed.digest;
  }

  async #store(work: Work, digest: Digest): Promise<PlannedImage> {
    const { image, registry, signal } = work;
    const planned = await fetchManifests(digest, { ...image, registry, signal });
    const release = await this.#options.reserve(planned.blobs);
    try {
      await this.#fetchBlobs(work, planned);
    } finally {
      release();
    }
    return planned;
  }

  async #pin(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#options.pin(name);
  }

  async #fetchBlobs(work: Work, planned: PlannedImage): Promise<void> {
    const { image, registry, signal, onProgress } = work;
    const total = planned.blobs.reduce((sum, { size }) => sum + size, 0);
    let bytes = 0;
    const onBytes = (more: number) => onProgress({ name: image.name, bytes: (bytes += more), total });
    for (const blob of planned.blobs) {
      signal.throwIfAborted();
      work.bytes += await registry.fetchBlob(image.location.repository, blob.digest, onBytes);
    }
  }

  /** A blob that could not be stored was read, and is not there. @throws {ImageError} */
  async #assertComplete({ check }: PlannedImage): Promise<void> {
    const { missing } = await this.#options.check(check);
    const [first] = missing;
    if (first) throw new ImageError(`${first.part === 'tag' ? '' : `${first.part} ${first.digest} `}${first.problem}`);
  }
}

function outcomeOf({ was, bytes, registry }: Work): ImageOutcome {
  if (was !== undefined) return 'moved';
  return bytes > 0 || registry.spent > 0 ? 'fetched' : 'present';
}

/** @param isFound the upstream has the image, without a part of it; undefined when it was not requested: then it is not gone */
export function failureOf(err: unknown, isFound: boolean | undefined): ImageOutcome {
  if (err instanceof HeldError) return 'held';
  // The upstream was not called.
  if (!(err instanceof RegistryError) || err instanceof OfflineError) return 'failed';
  if (HELD.includes(err.code)) return 'held';
  return isFound === false && GONE.includes(err.code) ? 'gone' : 'failed';
}

/** In one line. */
export function reasonOf(err: unknown): string {
  return (err instanceof Error ? err.message : String(err)).replaceAll(/\s+/g, ' ');
}

function report(
  work: { readonly image: ImageToWarm } & Partial<Pick<Work, 'digest' | 'was' | 'bytes' | 'registry'>>,
  outcome: ImageOutcome,
): JobImage {
  const { image, digest, was, bytes = 0, registry } = work;
  return {
    name: image.name,
    ...(digest !== undefined && { digest }),
    ...(was !== undefined && { was }),
    ...{ bytes, spent: registry?.spent ?? 0, outcome },
  };
}

function attachmentsOf(stored: string, { check }: PlannedImage): string[] {
  return check.attachments.map(({ digest, tag }) => (tag === undefined ? `${stored}@${digest}` : `${stored}:${tag}`));
}

/** A pin of a tag follows it to other digests. */
function pinOf(stored: string, { tag, digest }: RegistryLocation): string {
  return digest === undefined || tag !== undefined ? `${stored}:${tag ?? 'latest'}` : `${stored}@${digest}`;
}
