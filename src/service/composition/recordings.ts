import type { PulledImage } from '../../audit/pulled-images.ts';
import type { PullRecord } from '../../audit/pull-record.ts';
import type { Clock } from '../../clock/clock.ts';
import type { ProxyConfig } from '../../config/config.ts';
import type { ContentStore } from '../../content/content-store.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ManifestReference } from '../../oci/manifest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { ControlError } from '../../operations/control-error.ts';
import { NO_PULL_LOG, type PullLog } from '../../operations/pull-log.ts';
import type {
  RecordedImage,
  RecordedImages,
  Recording,
  RecordingControl,
  RecordingRequest,
} from '../../operations/recording-control.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';
import { findUpstream, type NamedUpstream, registryName } from './client-names.ts';
import { RecordingFile } from './recording-file.ts';

export interface RecordingsOptions {
  readonly pulls: PullLog;
  readonly file: RecordingFile;
  readonly upstreams: readonly NamedUpstream[];
  readonly manifests: ContentStore['manifests'];
  /** Name at the upstream. @throws {ControlError} when the name belongs to none */
  readonly remoteNameOf: (stored: string) => string;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;
const MAX_RECORDINGS = 100;
const PAGE = 1_000;
/** Pulls that one recording reads. */
const MAX_PULLS = 200_000;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/i;

export interface RecordingsParts extends Pick<Stored, 'driver' | 'store'> {
  readonly pulling: Pulling;
  /** Absent when pulls are not recorded. */
  readonly pulls: PullLog | undefined;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log'>;
}

export function createRecordings(proxy: ProxyConfig | undefined, parts: RecordingsParts): Recordings {
  const { driver, store, pulling, pulls = NO_PULL_LOG, clock, telemetry } = parts;
  const remoteNameOf = (stored: string) => pulling.find(stored).remote;
  const file = new RecordingFile({ driver, onDamaged: (event) => telemetry.log.warn(event, 'recordings damaged') });
  const { upstreams = [] } = proxy ?? {};
  return new Recordings({ pulls, file, upstreams, manifests: store.manifests, remoteNameOf, clock });
}

/** A recording is a time span of the record of pulls. */
export class Recordings implements RecordingControl {
  readonly #options: RecordingsOptions;
  /** Changes of the file follow each other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: RecordingsOptions) {
    this.#options = options;
  }

  startRecording(request: RecordingRequest): Promise<Recording> {
    return this.#inTurn(() => this.#start(request));
  }

  stopRecording(name: string): Promise<RecordedImages> {
    return this.#inTurn(() => this.#stop(name));
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {}); // its caller gets the error
    return changed;
  }

  async #start({ name, client, upstream, forMs = DAY_MS }: RecordingRequest): Promise<Recording> {
    if (!NAME.test(name)) throw new ControlError('invalid', `${JSON.stringify(name)} is not a name such as ci-42`);
    const recordings = await this.#options.file.load();
    if (recordings.some((one) => one.name === name)) throw new ControlError('held', `${name} is being recorded`);
    if (recordings.length >= MAX_RECORDINGS)
      throw new ControlError('held', `there are ${MAX_RECORDINGS} recordings (stop one of them)`);
    const wanted = upstream === undefined ? undefined : this.#upstreamNamed(upstream).name;
    // Fails when pulls are not recorded, or the client cannot be one.
    await this.#options.pulls.findPulls({ client, limit: 1 });
    const startedAt = this.#options.clock.now();
    const recording = { name, client, upstream: wanted, startedAt, endsAt: startedAt + forMs };
    await this.#options.file.save([...recordings, recording]);
    return recording;
  }

  /** @throws {ControlError} `not-found` */
  #upstreamNamed(name: string): NamedUpstream {
    const { upstreams } = this.#options;
    const found = findUpstream(upstreams, name);
    if (found) return found;
    const known = upstreams.map((one) => one.name).join(', ');
    throw new ControlError('not-found', `no upstream is named ${name} (configured: ${known})`);
  }

  async #stop(name: string): Promise<RecordedImages> {
    const recordings = await this.#options.file.load();
    const recording = recordings.find((one) => one.name === name);
    if (!recording) throw new ControlError('not-found', `there is no recording ${name}`);
    const { pulledImages } = await import('../../audit/pulled-images.ts');
    const found = await this.#lock(pulledImages(await this.#pullsOf(recording)));
    await this.#options.file.save(recordings.filter((one) => one !== recording));
    return found;
  }

  async #pullsOf({ client, upstream, startedAt, endsAt }: Recording): Promise<PullRecord[]> {
    const found: PullRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#options.pulls.findPulls({ client, since: startedAt, limit: PAGE, cursor });
      const wanted = page.pulls.filter((pull) => pull.at <= endsAt && (upstream ?? pull.upstream) === pull.upstream);
      found.push(...wanted);
      if (found.length > MAX_PULLS)
        throw new ControlError(
          'held',
          `the recording has more than ${MAX_PULLS} pulls (record a shorter time, or one client)`,
        );
      ({ cursor } = page);
    } while (cursor !== undefined);
    return found;
  }

  async #lock(pulled: readonly PulledImage[]): Promise<RecordedImages> {
    const images: RecordedImage[] = [];
    const problems: string[] = [];
    for (const image of pulled) {
      const full = this.#nameOf(image);
      const size = full === undefined ? undefined : await this.#sizeOf(image);
      if (full === undefined) problems.push(`${image.repository}: belongs to no configured upstream any more`);
      else if (size === undefined) problems.push(`${full}: a manifest is not stored any more`);
      else images.push({ name: full, digest: image.digest, size, manifests: childrenOf(image), attachments: [] });
    }
    return { images: images.toSorted((a, b) => (a.name < b.name ? -1 : 1)), problems };
  }

  /** As clients name it. Undefined when its upstream is not configured any more. */
  #nameOf({ upstream, repository, tag, digest, requestedAs }: PulledImage): string | undefined {
    try {
      const reference = tag === undefined ? `@${digest}` : `:${tag}`;
      const known = findUpstream(this.#options.upstreams, upstream);
      const registry = known ? registryName(known, requestedAs) : upstream;
      return `${registry}/${this.#options.remoteNameOf(repository)}${reference}`;
    } catch (err) {
      if (err instanceof ControlError || err instanceof RegistryError) return undefined;
      throw err;
    }
  }

  /** Bytes of manifests and blobs, each once. Undefined when one of the manifests is not stored. */
  async #sizeOf({ repository, digest, children }: PulledImage): Promise<number | undefined> {
    const sizes = new Map<Digest, number>();
    for (const manifest of [digest, ...children.keys()]) {
      const read = await this.#options.manifests.read(repository, manifest);
      if (!read) return undefined;
      sizes.set(manifest, read.stored.bytes.length);
      const isBlob = (part: ManifestReference) => part.kind !== 'manifest';
      for (const part of read.reading.manifest.references.filter(isBlob)) sizes.set(part.digest, part.size);
    }
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }
}

function childrenOf({ children }: PulledImage): RecordedImage['manifests'] {
  return [...children]
    .map(([digest, platform]) => ({ digest, ...(platform !== undefined && { platform }) }))
    .toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}
