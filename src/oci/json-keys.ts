import { RegistryError } from './errors.ts';

/** Many more than any object of a manifest has. */
const MAX_KEYS = 10_000;
/** Up to this number of keys, a list is faster than a set. */
const FEW = 12;

/** The distinct keys of one JSON object. */
export class JsonKeys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  /**
   * @returns false for a duplicate
   * @throws {RegistryError} `MANIFEST_INVALID` for more than 10 000 keys
   */
  add(key: string): boolean {
    if (this.#many) return this.#addToMany(this.#many, key);
    if (this.#few.includes(key)) return false;
    if (this.#few.push(key) > FEW) this.#many = new Set(this.#few);
    return true;
  }

  #addToMany(many: Set<string>, key: string): boolean {
    if (many.has(key)) return false;
    if (many.size === MAX_KEYS) {
      throw new RegistryError('MANIFEST_INVALID', `not a manifest: an object with more than ${MAX_KEYS} keys`);
    }
    many.add(key);
    return true;
  }
}
