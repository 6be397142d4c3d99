import { PathNotFoundError, type StorageDriver } from '../storage/driver.ts';

const PATH = '/layover/unprefixed.json';
const MAX_BYTES = 4096;

/** A record in the storage of the upstream whose content has no prefix there. */
export class UnprefixedOwner {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  /** @returns the upstream, null when there was none; undefined without a record */
  async load(): Promise<string | null | undefined> {
    try {
      const { upstream } = JSON.parse((await this.#driver.readSmall(PATH, MAX_BYTES)).toString()) as OwnerRecord;
      return upstream;
    } catch (err) {
      if (err instanceof PathNotFoundError || err instanceof SyntaxError) return undefined;
      throw err;
    }
  }

  async save(upstream: string | null): Promise<void> {
    await this.#driver.writeSmall(PATH, Buffer.from(JSON.stringify({ upstream } satisfies OwnerRecord)));
  }
}

interface OwnerRecord {
  readonly upstream: string | null;
}
