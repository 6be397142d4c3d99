import { readFile, stat } from 'node:fs/promises';

import { CredentialsError } from './credentials.ts';

/** A small file that may be replaced at any time: parsed once, and again whenever it is another file or has changed. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #read: { readonly version: string; readonly value: T } | undefined;

  /** @param parse throws {@link CredentialsError} */
  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  /** @throws {CredentialsError} */
  async load(): Promise<T> {
    const version = await this.#access(versionOf);
    if (this.#read?.version === version) return this.#read.value;
    const value = this.#parse(await this.#access((path) => readFile(path, 'utf8')));
    this.#read = { version, value };
    return value;
  }

  async #access<R>(access: (path: string) => Promise<R>): Promise<R> {
    try {
      return await access(this.#path);
    } catch (err) {
      const code = err instanceof Error && 'code' in err ? String(err.code) : 'unknown failure';
      throw new CredentialsError(`cannot read ${this.#path}: ${code}`);
    }
  }
}

/** A mounted secret is replaced by another file, so the inode counts too. */
async function versionOf(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true });
  return `${mtimeNs} ${size} ${ino}`;
}
