import { ControlError } from '../operations/control-error.ts';
import { matchGlobs } from '../matching/glob.ts';
import { GlobError } from '../matching/glob-syntax.ts';
import type { Digest } from '../oci/digest.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import type { ContentReference, UsageIndex } from '../usage/usage-index.ts';

/** Content that a pin matches: `docker.io/library/*`, `docker.io/library/*:lts` or `ghcr.io/a/b@sha256:…`. */
export interface PinPattern {
  readonly matchesName: (repository: string) => boolean;
  /** Absent when the pin has no tag part. */
  readonly matchesTag: ((tag: string) => boolean) | undefined;
  readonly digest: string | undefined;
}

/** Of a pattern or a name: keys of an index are not much longer. UTF-8 bytes. */
const MAX_LENGTH = 1_024;

/** @throws {ControlError} `invalid` */
export function checkLength(text: string): void {
  if (Buffer.byteLength(text) > MAX_LENGTH)
    throw new ControlError('invalid', `a name or pattern has ${MAX_LENGTH} bytes at most`);
}

/** @throws {ControlError} `invalid` */
export function parsePin(pattern: string): PinPattern {
  const at = pattern.indexOf('@');
  const colon = pattern.lastIndexOf(':');
  if (at >= 0)
    return { matchesName: matcher(pattern.slice(0, at)), matchesTag: undefined, digest: pattern.slice(at + 1) };
  if (colon <= pattern.lastIndexOf('/'))
    return { matchesName: matcher(pattern), matchesTag: undefined, digest: undefined };
  const [name, tag] = [pattern.slice(0, colon), pattern.slice(colon + 1)];
  return { matchesName: matcher(name), matchesTag: matcher(tag), digest: undefined };
}

function isWhole({ matchesTag, digest }: PinPattern): boolean {
  return !matchesTag && digest === undefined;
}

function matcher(glob: string): (text: string) => boolean {
  try {
    return matchGlobs([glob]);
  } catch (err) {
    if (err instanceof GlobError) throw new ControlError('invalid', `${glob} ${err.message}`);
    throw err;
  }
}

export interface PinsOptions {
  /** From the configuration. */
  readonly configured: readonly string[];
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  readonly tags: TagReader;
}

export interface TagReader {
  find(repository: string, tag: string): Promise<{ readonly digest: Digest } | undefined>;
  all(repository: string): Promise<readonly { readonly tag: string; readonly digest: Digest }[]>;
}

const MAX_DEPTH = 4;

/** Pinned content, which neither expires nor is evicted. */
export class Pins {
  readonly #options: PinsOptions;

  constructor(options: PinsOptions) {
    this.#options = options;
  }

  /** The content that is pinned now, for one pass. */
  async current(): Promise<PinnedNow> {
    const stored = await this.#options.index.pins();
    const patterns = [...this.#options.configured, ...stored.map(({ pattern }) => pattern)].map(parsePin);
    return new PinnedNow(patterns, this.#options);
  }
}

/** Reads the tags of a repository at the first query for it, when its name matches a pin. */
export class PinnedNow {
  readonly #patterns: readonly PinPattern[];
  readonly #options: PinsOptions;
  readonly #pinned = new Map<string, Promise<'all' | ReadonlySet<Digest>>>();

  constructor(patterns: readonly PinPattern[], options: PinsOptions) {
    this.#patterns = patterns;
    this.#options = options;
  }

  /** Whether a pin matches all content of a repository. */
  hasAll(repository: string): boolean {
    return this.#patterns.some((pattern) => isWhole(pattern) && pattern.matchesName(repository));
  }

  async has({ repository, digest }: Pick<ContentReference, 'repository' | 'digest'>): Promise<boolean> {
    const matching = this.#patterns.filter(({ matchesName }) => matchesName(repository));
    if (matching.length === 0) return false;
    const finding = this.#pinned.get(repository) ?? this.#findPinned(repository, matching);
    this.#pinned.set(repository, finding);
    const pinned = await finding;
    return pinned === 'all' || pinned.has(digest);
  }

  async #findPinned(repository: string, patterns: readonly PinPattern[]): Promise<'all' | ReadonlySet<Digest>> {
    if (patterns.some(isWhole)) return 'all';
    const tags = await this.#options.tags.all(repository);
    const named = tags.filter(({ tag }) => patterns.some(({ matchesTag }) => matchesTag?.(tag)));
    const roots = [
      ...named.map(({ digest }) => digest),
      ...patterns.flatMap(({ digest }) => (digest ? [digest as Digest] : [])),
    ];
    const pinned = new Set<Digest>();
    for (const root of roots) await this.#addWithParts(repository, root, { pinned, depth: MAX_DEPTH });
    return pinned;
  }

  async #addWithParts(
    repository: string,
    digest: Digest,
    { pinned, depth }: { pinned: Set<Digest>; depth: number },
  ): Promise<void> {
    if (pinned.has(digest)) return;
    pinned.add(digest);
    const isManifest = depth > 0 && (await this.#options.index.find({ repository, digest, kind: 'manifest' }));
    if (!isManifest) return;
    for (const part of await this.#options.parts.of(repository, digest)) {
      await this.#addWithParts(repository, part, { pinned, depth: depth - 1 });
    }
  }
}
