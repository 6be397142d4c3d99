import { readFile, stat } from 'node:fs/promises';

export interface WatchedFileOptions<T> {
  readonly path: string;
  /** @default 1 MiB */
  readonly maxBytes?: number;
  /** What it throws, {@link WatchedFile.load} throws until the file changes. */
  readonly parse: (bytes: Buffer) => T;
}

/** A file cannot be read, or is too large. */
export class FileError extends Error {
  override readonly name = 'FileError';
  /** The system's code, such as `ENOENT`: its message repeats the path. */
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`cannot read ${path}: ${reason}`);
    this.reason = reason;
  }
}

interface Parsed<T> {
  readonly version: string;
  readonly get: () => T;
}

const MAX_BYTES = 1024 * 1024;

/** A small file that other programs may replace at any time. It is parsed once, and again after a change. */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #parsed: Parsed<T> | undefined;

  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
  }

  /** Looks at the file. @returns the same object as long as the file is the same. @throws {FileError}, or what `parse` threw */
  async load(): Promise<T> {
    try {
      const version = await fileVersion(this.#options.path);
      if (this.#parsed?.version !== version) this.#parsed = { version, get: await this.#parse() };
    } catch (err) {
      this.#parsed = undefined;
      throw isSystemError(err) ? new FileError(this.#options.path, String(err.code)) : err;
    }
    return this.#parsed.get();
  }

  async #parse(): Promise<() => T> {
    const { path, maxBytes = MAX_BYTES, parse } = this.#options;
    const found = await stat(path);
    // A pipe or a device has no size, and may never end.
    const bytes = !found.isFile() || found.size > maxBytes ? undefined : await readFile(path);
    try {
      if (!found.isFile()) throw new FileError(path, 'not a file');
      if (bytes === undefined) throw new FileError(path, `larger than ${maxBytes} bytes`);
      const value = parse(bytes);
      return () => value;
    } catch (err) {
      return () => {
        throw err;
      };
    }
  }
}

/**
 * Changes with the file: a mounted secret is replaced by another file, so the inode counts too.
 *
 * @throws {NodeJS.ErrnoException} when there is none
 */
async function fileVersion(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true });
  return `${mtimeNs} ${size} ${ino}`;
}

/** Changes when any of the files has changed, appeared or disappeared. */
export async function filesVersion(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map((path) => fileVersion(path).catch(() => 'absent')))).join();
}

function isSystemError(err: unknown): err is NodeJS.ErrnoException {
  return err instanceof Error && 'code' in err;
}
