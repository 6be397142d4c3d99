/** Translates paths to keys. The rule is distribution's, so that each finds the other's content. */
export class ObjectKeys {
  readonly #root: string;

  /** @param rootDirectory prefix of every path; slashes at its ends are ignored */
  constructor(rootDirectory: string) {
    this.#root = rootDirectory.replace(/\/+$/, '');
  }

  keyOf(path: string): string {
    return `${this.#root}${path}`.replace(/^\/+/, '');
  }

  /** Common prefix of all keys below a directory; empty for the whole bucket. */
  prefixOf(directory: string): string {
    const key = this.keyOf(directory).replace(/\/+$/, '');
    return key === '' ? '' : `${key}/`;
  }
}
