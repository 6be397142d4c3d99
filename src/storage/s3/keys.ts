/** Which object a path is. Distribution's rule, so that either finds what the other wrote. */
export class S3Keys {
  readonly #root: string;

  /** @param rootDirectory what goes before every path; slashes at its ends mean nothing */
  constructor(rootDirectory: string) {
    this.#root = rootDirectory.replace(/\/+$/, '');
  }

  keyOf(path: string): string {
    return `${this.#root}${path}`.replace(/^\/+/, '');
  }

  /** What the keys of everything below a directory begin with; empty when that is the whole bucket. */
  prefixOf(directory: string): string {
    const key = this.keyOf(directory).replace(/\/+$/, '');
    return key === '' ? '' : `${key}/`;
  }
}
