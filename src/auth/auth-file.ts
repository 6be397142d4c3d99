import { FileError, WatchedFile } from '../files/watched-file.ts';
import type { AuthEvents } from './auth-events.ts';

/** A change takes effect after at most this long. Milliseconds. */
const CHECK_EVERY_MS = 1000;

export interface AuthFileOptions<T> {
  /** Of the configuration, for messages. */
  readonly key: string;
  readonly path: string;
  readonly maxBytes: number;
  /** @throws {Error} whose message may be logged */
  readonly parse: (bytes: Buffer) => Parsed<T>;
  readonly events: AuthEvents;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Parsed<T> {
  readonly value: T;
  /** Users, groups or keys in the file. */
  readonly entries: number;
}

/**
 * A file of users, groups or keys. While it is in use, it is checked once a second for changes. A file that cannot be read or parsed
 * leaves the last good content in force.
 */
export class AuthFile<T> {
  readonly #options: AuthFileOptions<T>;
  readonly #file: WatchedFile<Parsed<T>>;
  #parsed: Parsed<T>;
  /** The last one that was reported; absent while the file is good. */
  #failure: unknown;
  #checkedAt: number;
  #checking: Promise<T> | undefined;

  private constructor(options: AuthFileOptions<T>, file: WatchedFile<Parsed<T>>, parsed: Parsed<T>) {
    this.#options = options;
    this.#file = file;
    this.#parsed = parsed;
    this.#checkedAt = options.now();
  }

  /** @throws {UnusableFileError} that names the key and the path */
  static async open<T>(options: AuthFileOptions<T>): Promise<AuthFile<T>> {
    const { key, path, events } = options;
    const file = new WatchedFile(options);
    try {
      const parsed = await file.load();
      events.fileLoaded({ key, path, entries: parsed.entries });
      return new AuthFile(options, file, parsed);
    } catch (err) {
      throw new UnusableFileError(`auth.${key}: cannot use ${path}: ${reasonOf(err)}`);
    }
  }

  /** The same object as long as the file is the same. */
  get(): T | Promise<T> {
    if (this.#checking) return this.#checking;
    if (this.#options.now() - this.#checkedAt < CHECK_EVERY_MS) return this.#parsed.value;
    this.#checking = this.#check().finally(() => {
      this.#checking = undefined;
      this.#checkedAt = this.#options.now();
    });
    return this.#checking;
  }

  async #check(): Promise<T> {
    const { key, path, events } = this.#options;
    try {
      const parsed = await this.#file.load();
      if (parsed !== this.#parsed) events.fileLoaded({ key, path, entries: parsed.entries });
      this.#parsed = parsed;
      this.#failure = undefined;
    } catch (err) {
      if (!isSame(err, this.#failure)) events.fileFailed({ key, path, reason: reasonOf(err) });
      this.#failure = err;
    }
    return this.#parsed.value;
  }
}

/** A file of the configuration that the service cannot start without. */
export class UnusableFileError extends Error {
  override readonly name = 'UnusableFileError';
  /** Errors with a code are printed without their stack. */
  readonly code = 'ERR_AUTH_FILE';
}

/** A file that fails to parse throws the same error until it changes; one that cannot be read throws another each time. */
function isSame(err: unknown, before: unknown): boolean {
  if (err instanceof FileError && before instanceof FileError) return err.reason === before.reason;
  return err === before;
}

function reasonOf(err: unknown): string {
  if (err instanceof FileError) return err.reason;
  return err instanceof Error ? err.message : String(err);
}
