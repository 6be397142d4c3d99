import { type Digest, isDigest } from '../oci/digest.ts';
import { PathNotFoundError, type StorageDriver } from '../storage/driver.ts';

/** A digest that an operator has recalled. */
export interface RecalledDigest {
  readonly digest: Digest;
  /** For clients; may be empty. */
  readonly reason: string;
  /** Unix milliseconds. Absent when the record of the recall is damaged. */
  readonly recalledAt?: number | undefined;
}

type Files = Pick<StorageDriver, 'list' | 'readSmall' | 'writeSmall' | 'delete'>;

const DIRECTORY = '/layover/recalled';
const MAX_BYTES = 64 * 1024;

/** Recalled digests in the storage, one file each: so that replicas that recall at the same time lose none. */
export class RecalledDigests {
  readonly #files: Files;
  /** Recalls that were read before. Another replica may have changed a reason since. */
  readonly #known = new Map<Digest, RecalledDigest>();

  constructor(files: Files) {
    this.#files = files;
  }

  async save(recalled: RecalledDigest): Promise<void> {
    const { digest, reason, recalledAt } = recalled;
    await this.#files.writeSmall(pathOf(digest), Buffer.from(JSON.stringify({ digest, reason, recalledAt })));
    this.#known.set(digest, recalled);
  }

  async remove(digest: Digest): Promise<void> {
    await this.#files.delete(pathOf(digest));
    this.#known.delete(digest);
  }

  /** @throws errors of the storage */
  async load(): Promise<readonly RecalledDigest[]> {
    const names = new Set((await this.#names()).filter(isDigest));
    for (const known of this.#known.keys()) if (!names.has(known)) this.#known.delete(known);
    const found: RecalledDigest[] = [];
    for (const digest of names) {
      const recalled = this.#known.get(digest) ?? (await this.#read(digest));
      if (recalled) found.push(recalled);
    }
    return found;
  }

  /** Those that are known without a look at the storage. */
  known(): readonly RecalledDigest[] {
    return [...this.#known.values()];
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await this.#files.list(DIRECTORY);
    } catch (err) {
      if (err instanceof PathNotFoundError) return [];
      throw err;
    }
  }

  /** The name of the file alone recalls the digest, whatever is in it. @returns undefined when the recall was lifted meanwhile */
  async #read(digest: Digest): Promise<RecalledDigest | undefined> {
    try {
      const bytes = await this.#files.readSmall(pathOf(digest), MAX_BYTES);
      const { reason, recalledAt } = parse(bytes.toString());
      const recalled = {
        digest,
        reason: typeof reason === 'string' ? reason : '',
        recalledAt: typeof recalledAt === 'number' ? recalledAt : undefined,
      };
      this.#known.set(digest, recalled);
      return recalled;
    } catch (err) {
      // A directory in its place is not found either.
      return err instanceof PathNotFoundError ? undefined : { digest, reason: '' };
    }
  }
}

function parse(text: string): { readonly reason?: unknown; readonly recalledAt?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as object;
  } catch {
    return {};
  }
}

function pathOf(digest: Digest): string {
  return `${DIRECTORY}/${digest}`;
}
