import { PathNotFoundError, type StorageDriver } from '../storage/driver.ts';
import type { Pin } from '../usage/usage-index.ts';

const PATH = '/layover/pins.json';
const MAX_BYTES = 4 * 2 ** 20;

/** A copy in the storage of the pins that operators set: unlike the rest of the index, they cannot be rebuilt from content. */
export class PinBackup {
  readonly #driver: StorageDriver;

  constructor(driver: StorageDriver) {
    this.#driver = driver;
  }

  async save(pins: readonly Pin[]): Promise<void> {
    await this.#driver.writeSmall(PATH, Buffer.from(JSON.stringify(pins)));
  }

  /** Empty when there are none, or they cannot be read. */
  async load(): Promise<Pin[]> {
    try {
      const found: unknown = JSON.parse((await this.#driver.readSmall(PATH, MAX_BYTES)).toString());
      return Array.isArray(found) ? found.filter(isPin) : [];
    } catch (err) {
      if (err instanceof PathNotFoundError || err instanceof SyntaxError) return [];
      throw err;
    }
  }
}

function isPin(value: unknown): value is Pin {
  const { pattern, pinnedAt } = (value ?? {}) as Partial<Pin>;
  return typeof pattern === 'string' && typeof pinnedAt === 'number';
}
