import type { LinkLedger, NewLink } from '../content/link-ledger.ts';
import type { Digest } from '../oci/digest.ts';
import type { ManifestParts } from './manifest-parts.ts';
import type { ContentKind, ContentReference, UsageIndex, Use } from './usage-index.ts';

export interface UsageRecorderOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  /** Longest time a use is kept in memory alone. Milliseconds. */
  readonly flushMs: number;
  /** A use so soon after the one that is recorded is not worth a write. Milliseconds. */
  readonly granularityMs: number;
  readonly now: () => number;
  /** The index could not be read or written; pulls go on. */
  readonly onError: (error: unknown) => void;
}

interface PendingUse {
  readonly kind: ContentKind;
  readonly size: number;
  /** The first since the last write. Unix milliseconds. */
  readonly at: number;
  /** Just linked. */
  readonly isNew: boolean;
}

const MAX_PENDING = 10_000;
/** Uses looked up before the event loop has its turn. */
const SLICE = 200;
/** An index of indexes of images; deeper ones are not made by anybody. */
const MAX_DEPTH = 4;

/** Collects uses, and writes them to the index from time to time: a hit costs a look into two maps. */
export class UsageRecorder implements LinkLedger {
  readonly #options: UsageRecorderOptions;
  #pending = new Map<string, Map<Digest, PendingUse>>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #onLinked: () => void = () => {};

  constructor(options: UsageRecorderOptions) {
    this.#options = options;
  }

  /** Called after every new link, which may need room or be the first to expire. */
  set onLinked(listener: () => void) {
    this.#onLinked = listener;
  }

  /** Content was asked for and is stored. */
  used(repository: string, digest: Digest, kind: ContentKind, size: number): void {
    if (this.isPending(repository, digest)) return;
    this.#note(repository, digest, { kind, size, at: this.#options.now(), isNew: false });
  }

  #note(repository: string, digest: Digest, use: PendingUse): void {
    let digests = this.#pending.get(repository);
    if (digests === undefined) {
      digests = new Map();
      this.#pending.set(repository, digests);
    }
    if (digests.has(digest)) return;
    digests.set(digest, use);
    if (++this.#count >= MAX_PENDING) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), this.#options.flushMs).unref();
  }

  async willLink({ parts, ...link }: NewLink): Promise<void> {
    const { index, now, onError } = this.#options;
    const at = now();
    try {
      if (parts) await index.putParts(link.digest, parts);
      await index.record([{ ...link, at }]);
    } catch (err) {
      onError(err);
    }
    // What it is made of may be here already.
    if (link.kind === 'manifest')
      this.#note(link.repository, link.digest, { ...link, kind: 'manifest', at, isNew: true });
    this.#onLinked();
  }

  /** Used, and the index does not know it yet. */
  isPending(repository: string, digest: Digest): boolean {
    return this.#pending.get(repository)?.has(digest) ?? false;
  }

  /** The content is gone: what was noted of its use would bring it back into the index. */
  discard(repository: string, digest: Digest): void {
    this.#pending.get(repository)?.delete(digest);
  }

  /** Resolves when everything noted so far is in the index. Never fails. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = new Map();
    this.#count = 0;
    this.#writing = this.#writing.then(() => this.#write(pending)).catch(this.#options.onError);
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
  }

  async #write(pending: ReadonlyMap<string, ReadonlyMap<Digest, PendingUse>>): Promise<void> {
    let uses: Use[] = [];
    for (const [repository, digests] of pending) {
      for (const [digest, use] of digests) {
        uses.push(...(await this.#usesOf({ repository, digest, kind: use.kind }, use)));
        if (uses.length < SLICE) continue;
        await this.#options.index.record(uses);
        uses = [];
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    if (uses.length > 0) await this.#options.index.record(uses);
  }

  async #usesOf(reference: ContentReference, { size, at, isNew }: PendingUse): Promise<Use[]> {
    const { index, parts, granularityMs } = this.#options;
    const known = isNew ? undefined : await index.find(reference);
    const isRecent = known !== undefined && at - known.lastUsedAt < granularityMs;
    if (isRecent && (reference.kind === 'blob' || (await index.partsOf(reference.digest)))) return [];
    const self = { ...reference, size, at };
    if (reference.kind === 'blob') return [self];
    await parts.of(reference.repository, reference.digest);
    return [self, ...(await this.#usesOfParts(reference, at, MAX_DEPTH))];
  }

  /** Clients that have a layer do not ask for it again: it is in use as long as the manifest is. */
  async #usesOfParts({ repository, digest }: ContentReference, at: number, depth: number): Promise<Use[]> {
    const { index } = this.#options;
    const uses: Use[] = [];
    for (const part of (await index.partsOf(digest)) ?? []) {
      uses.push({ repository, digest: part, kind: 'blob', at, onlyKnown: true });
      const manifest = { repository, digest: part, kind: 'manifest' } as const;
      if (depth === 0 || !(await index.find(manifest))) continue;
      uses.push({ ...manifest, at, onlyKnown: true }, ...(await this.#usesOfParts(manifest, at, depth - 1)));
    }
    return uses;
  }
}
