import { type Digest, isDigest } from '../../oci/digest.ts';
import { FileTooLargeError, type StorageDriver } from '../../storage/driver.ts';
import { orUndefined } from '../links.ts';
import { COLLECTION, COLLECTIONS, doomedPath } from '../paths.ts';

/** That some process collects garbage in this storage. */
export interface Announced {
  readonly id: string;
  /** `removing`: what is on the list of the doomed can go any moment. */
  readonly phase: 'looking' | 'removing';
  /** Unix milliseconds; renewed while it goes on. */
  readonly at: number;
}

export interface AnnouncementOptions {
  readonly driver: StorageDriver;
  readonly now: () => number;
}

/** One that was not renewed for so long is of a process that has ended; clocks of replicas may differ by some of it. Milliseconds. */
const STALE_MS = 5 * 60_000;
/** Somebody who was held up this long has lost the right to remove. Well below {@link STALE_MS}. Milliseconds. */
const TRUSTED_MS = 60_000;
const RENEW_MS = 15_000;
const MAX_STATE_BYTES = 4096;
/** Some three million digests. */
const MAX_DOOMED_BYTES = 256 * 1024 * 1024;

/** A collection as the other processes see it: two small files in the storage. */
export class Announcement {
  readonly #options: AnnouncementOptions;
  #mine: { id: string; phase: Announced['phase']; renewedAt: number } | undefined;
  #isLost = false;
  #timer: NodeJS.Timeout | undefined;
  #known: { readonly id: string; readonly doomed: ReadonlySet<Digest> } | undefined;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
  }

  /** Undefined when nobody collects. */
  async read(): Promise<Announced | undefined> {
    const { driver, now } = this.#options;
    const bytes = await orUndefined(driver.readSmall(COLLECTION, MAX_STATE_BYTES));
    const announced = bytes && parse(bytes);
    return announced && now() - announced.at < STALE_MS ? announced : undefined;
  }

  /** What a collection in its removing phase may remove. */
  async doomed({ id }: Announced): Promise<ReadonlySet<Digest>> {
    if (this.#known?.id === id) return this.#known.doomed;
    const doomed = await this.#readDoomed(id);
    this.#known = { id, doomed };
    return doomed;
  }

  async #readDoomed(id: string): Promise<ReadonlySet<Digest>> {
    try {
      const bytes = await orUndefined(this.#options.driver.readSmall(doomedPath(id), MAX_DOOMED_BYTES));
      return new Set(bytes?.toString('latin1').split('\n').filter(isDigest) ?? []);
    } catch (err) {
      // Never written by us: nothing may be relied upon while it is there.
      if (err instanceof FileTooLargeError)
        throw new Error('the list of a collection of garbage is too long to be ours', { cause: err });
      throw err;
    }
  }

  /** What a process has left that ended in the middle. The caller knows that nobody else collects in this storage. */
  async clear(): Promise<void> {
    await this.#options.driver.delete(COLLECTIONS);
  }

  /** Goes on until {@link end}. */
  async begin(id: string): Promise<void> {
    await this.#write({ id, phase: 'looking' });
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS).unref();
  }

  /** From here on others let go of these. @returns those that there was room for on the list; the others are not to be removed */
  async doom(id: string, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const listed = withinBytes(digests, MAX_DOOMED_BYTES);
    await this.#options.driver.writeSmall(doomedPath(id), Buffer.from(listed.join('\n'), 'latin1'));
    await this.#write({ id, phase: 'removing' });
    return new Set(listed);
  }

  /** Undefined, if all is well: why nothing may be removed any more. */
  get distrust(): string | undefined {
    if (this.#isLost) return 'another process has begun to collect garbage in this storage';
    const isLate = !this.#mine || this.#options.now() - this.#mine.renewedAt > TRUSTED_MS;
    return isLate ? 'the collection was held up for too long to go on safely: start it again' : undefined;
  }

  /** Whether it is this process that everybody sees collecting. */
  async isMine(): Promise<boolean> {
    return (await this.read())?.id === this.#mine?.id;
  }

  async end(): Promise<void> {
    const { driver } = this.#options;
    clearInterval(this.#timer);
    if (!this.#mine) return;
    const { id } = this.#mine;
    if (await this.isMine()) await driver.delete(COLLECTION);
    await driver.delete(doomedPath(id));
    this.#mine = undefined;
    this.#isLost = false;
  }

  /** Never fails: one that could not be renewed is not trusted after a while. */
  async #renew(): Promise<void> {
    if (!this.#mine || this.#isLost) return;
    try {
      if (await this.isMine()) await this.#write(this.#mine);
      else this.#isLost = true;
    } catch {
      // Told by `distrust` when it lasts.
    }
  }

  async #write({ id, phase }: Pick<Announced, 'id' | 'phase'>): Promise<void> {
    const at = this.#options.now();
    await this.#options.driver.writeSmall(COLLECTION, Buffer.from(JSON.stringify({ id, phase, at })));
    this.#mine = { id, phase, renewedAt: at };
  }
}

/** Files are replaced as one step, so what is no announcement is nobody's. */
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
