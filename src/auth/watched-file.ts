import { readFile, stat } from 'node:fs/promises';

import type { AuthEvents } from './auth-events.ts';

/** A change counts after at most so long. Milliseconds. */
const CHECK_EVERY_MS = 1000;

export interface WatchedFileOptions<T> {
  /** Of the configuration, for messages. */
  readonly key: string;
  readonly path: string;
  readonly maxBytes: number;
  /** @throws {Error} whose message may be logged */
  readonly parse: (bytes: Buffer) => { readonly value: T; readonly entries: number };
  readonly events: AuthEvents;
  readonly now: () => number;
}

/**
 * A small file that decides who may come in. It is looked at once a second while it is asked for, and read again when it is another
 * one or has changed; one that cannot be read or parsed leaves what was there before.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #value: T;
  #version: string;
  #checkedAt: number;
  #checking: Promise<T> | undefined;

  private constructor(options: WatchedFileOptions<T>, value: T, version: string) {
    this.#options = options;
    this.#value = value;
    this.#version = version;
    this.#checkedAt = options.now();
  }

  /** @throws {Error} that names the key and the path, when it cannot be used */
  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    try {
      const version = await versionOf(options.path);
      return new WatchedFile(options, await load(options), version);
    } catch (err) {
      throw new UnusableFileError(`auth.${options.key}: cannot use ${options.path}: ${reasonOf(err)}`);
    }
  }

  /** The same object as long as the file is the same. */
  get(): T | Promise<T> {
    if (this.#checking) return this.#checking;
    if (this.#options.now() - this.#checkedAt < CHECK_EVERY_MS) return this.#value;
    this.#checking = this.#check().finally(() => {
      this.#checking = undefined;
      this.#checkedAt = this.#options.now();
    });
    return this.#checking;
  }

  async #check(): Promise<T> {
    const { key, path, events } = this.#options;
    try {
      const version = await versionOf(path);
      if (version !== this.#version) {
        this.#version = version; // also when it is broken, so that it is told once
        this.#value = await load(this.#options);
      }
    } catch (err) {
      const reason = reasonOf(err);
      if (this.#version !== reason) events.fileFailed({ key, path, reason });
      if (isSystemError(err)) this.#version = reason;
    }
    return this.#value;
  }
}

/** A file of the configuration that the service cannot start without. */
export class UnusableFileError extends Error {
  override readonly name = 'UnusableFileError';
  /** Says to the command line that the message is enough. */
  readonly code = 'ERR_AUTH_FILE';
}

async function load<T>({ key, path, maxBytes, parse, events }: WatchedFileOptions<T>): Promise<T> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
  const { value, entries } = parse(await readFile(path));
  events.fileLoaded({ key, path, entries });
  return value;
}

/** A mounted secret is replaced by another file, so the inode counts too. */
async function versionOf(path: string): Promise<string> {
  const { mtimeNs, size, ino } = await stat(path, { bigint: true });
  return `${mtimeNs} ${size} ${ino}`;
}

function isSystemError(err: unknown): err is NodeJS.ErrnoException {
  return err instanceof Error && 'code' in err;
}

/** The system's code alone: its message repeats the path. */
function reasonOf(err: unknown): string {
  if (isSystemError(err)) return String(err.code);
  return err instanceof Error ? err.message : String(err);
}
