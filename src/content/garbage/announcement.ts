import { type Digest, isDigest } from '../../oci/digest.ts';
import { FileTooLargeError, type StorageDriver } from '../../storage/driver.ts';
import { orUndefined } from '../links.ts';
import { COLLECTION, COLLECTIONS, markedPath } from '../paths.ts';

/** A garbage collection of some process in this storage. */
export interface Announced {
  readonly id: string;
  /** `removing`: the digests marked for removal may be removed at any moment. */
  readonly phase: 'looking' | 'removing'; // part of the format in the storage
  /** Renewed while the collection runs. Unix milliseconds. */
  readonly at: number;
}

export interface AnnouncementOptions {
  readonly driver: StorageDriver;
  readonly now: () => number;
}

/** An announcement older than this belongs to a process that has ended. Allows for clocks of replicas that differ. Milliseconds. */
const STALE_MS = 5 * 60_000;
/** A collector that was held up this long must not remove anything any more. Well below {@link STALE_MS}. Milliseconds. */
const TRUSTED_MS = 60_000;
const RENEW_MS = 15_000;
const MAX_STATE_BYTES = 4096;
/** About three million digests. */
const MAX_MARKED_BYTES = 256 * 1024 * 1024;

/** How other processes see a collection: two small files in the storage. */
export class Announcement {
  readonly #options: AnnouncementOptions;
  #mine: { id: string; phase: Announced['phase']; renewedAt: number } | undefined;
  #isLost = false;
  #timer: NodeJS.Timeout | undefined;
  #known: { readonly id: string; readonly marked: ReadonlySet<Digest> } | undefined;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** Undefined when no process is collecting. */
  async read(): Promise<Announced | undefined> {
    const { driver, now } = this.#options;
    const bytes = await orUndefined(driver.readSmall(COLLECTION, MAX_STATE_BYTES));
    const announced = bytes && parse(bytes);
    return announced && now() - announced.at < STALE_MS ? announced : undefined;
  }

  /** The digests that a collection in its removing phase may remove. */
  async marked({ id }: Announced): Promise<ReadonlySet<Digest>> {
    if (this.#known?.id === id) return this.#known.marked;
    const marked = await this.#readMarked(id);
    this.#known = { id, marked };
    return marked;
  }

  async #readMarked(id: string): Promise<ReadonlySet<Digest>> {
    try {
      const bytes = await orUndefined(this.#options.driver.readSmall(markedPath(id), MAX_MARKED_BYTES));
      return new Set(bytes?.toString('latin1').split('\n').filter(isDigest) ?? []);
    } catch (err) {
      // Layover never writes such a list, and nothing can be confirmed while it exists.
      if (err instanceof FileTooLargeError)
        throw new Error('the list of a garbage collection is longer than Layover writes', { cause: err });
      throw err;
    }
  }

  /** Removes the files of a process that ended during its collection. The caller knows that no other process collects in this storage. */
  async clear(): Promise<void> {
    await this.#options.driver.delete(COLLECTIONS);
  }

  /** Announces a collection until {@link end}. */
  async begin(id: string): Promise<void> {
    await this.#write({ id, phase: 'looking' });
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS).unref();
  }

  /** Marks digests for removal; from here on, other processes do not link them. @returns the digests that fit on the list: only these may be removed */
  async mark(id: string, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const listed = withinBytes(digests, MAX_MARKED_BYTES);
    await this.#options.driver.writeSmall(markedPath(id), Buffer.from(listed.join('\n'), 'latin1'));
    await this.#write({ id, phase: 'removing' });
    return new Set(listed);
  }

  /** Why nothing may be removed any more. Undefined while removing is safe. */
  get distrust(): string | undefined {
    if (this.#isLost) return 'another process has started to collect garbage in this storage';
    const isLate = !this.#mine || this.#options.now() - this.#mine.renewedAt > TRUSTED_MS;
    return isLate ? 'the collection was held up for too long to continue safely: start it again' : undefined;
  }

  /** Whether the announcement in the storage is that of this process. */
  async isMine(): Promise<boolean> {
    return (await this.read())?.id === this.#mine?.id;
  }

  async end(): Promise<void> {
    const { driver } = this.#options;
    clearInterval(this.#timer);
    if (!this.#mine) return;
    const { id } = this.#mine;
    if (await this.isMine()) await driver.delete(COLLECTION);
    await driver.delete(markedPath(id));
    this.#mine = undefined;
    this.#isLost = false;
  }

  /** Never fails: without a renewal, {@link distrust} stops the collection. */
  async #renew(): Promise<void> {
    if (!this.#mine || this.#isLost) return;
    try {
      if (await this.isMine()) await this.#write(this.#mine);
      else this.#isLost = true;
    } catch {
      // `distrust` reports it when it lasts
    }
  }

  async #write({ id, phase }: Pick<Announced, 'id' | 'phase'>): Promise<void> {
    const at = this.#options.now();
    await this.#options.driver.writeSmall(COLLECTION, Buffer.from(JSON.stringify({ id, phase, at })));
    this.#mine = { id, phase, renewedAt: at };
  }
}

/** Files are replaced atomically, so anything else is not an announcement. */
function parse(bytes: Buffer): Announced | undefined {
  try {
    const { id, phase, at } = JSON.parse(bytes.toString()) as Partial<Announced>;
    const isWhole = typeof id === 'string' && typeof at === 'number' && (phase === 'looking' || phase === 'removing');
    return isWhole ? { id, phase, at } : undefined;
  } catch {
    return undefined;
  }
}

function withinBytes(digests: readonly Digest[], maxBytes: number): readonly Digest[] {
  let bytes = 0;
  const end = digests.findIndex((digest) => (bytes += digest.length + 1) > maxBytes);
  return end === -1 ? digests : digests.slice(0, end);
}
