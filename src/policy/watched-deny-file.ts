import type { Clock, Timer } from '../clock/clock.ts';
import { FileError, WatchedFile } from '../files/watched-file.ts';
import type { DeniedContent } from './denials.ts';
import { DenyFileError, parseDenyFile } from './deny-file.ts';

export interface WatchedDenyFileOptions {
  readonly path: string;
  /** Resolves when the list applies. */
  readonly onChanged: (list: DeniedContent) => Promise<void>;
  /** Once for each kind of problem; the previous list applies. */
  readonly onUnreadable: (error: unknown) => void;
  readonly clock: Clock;
}

/** Milliseconds. */
const INTERVAL_MS = 1_000;
/** 100,000 digests with reasons. Bytes. */
const MAX_BYTES = 16 * 1024 * 1024;

/** `load` also throws {@link DenyFileError}. */
export function readDenyFile(path: string): WatchedFile<DeniedContent> {
  return new WatchedFile({ path, maxBytes: MAX_BYTES, parse: (bytes) => parseDenyFile(bytes.toString()) });
}

/** A deny file, read again after each change. A file that cannot be read any more changes nothing. */
export class WatchedDenyFile {
  readonly #options: WatchedDenyFileOptions;
  readonly #file: WatchedFile<DeniedContent>;
  #list: DeniedContent | undefined;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  private constructor(options: WatchedDenyFileOptions) {
    this.#options = options;
    this.#file = readDenyFile(options.path);
  }

  /** @throws {DenyFileError} with the key and the path */
  static async open(options: WatchedDenyFileOptions): Promise<WatchedDenyFile> {
    const watched = new WatchedDenyFile(options);
    await watched.#load().catch((err: unknown) => {
      const reason = err instanceof FileError ? err.reason : err instanceof Error ? err.message : String(err);
      throw new DenyFileError(`policy.deny.file: cannot use ${options.path}: ${reason}`);
    });
    watched.#wait();
    return watched;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #wait(): void {
    const { clock, onUnreadable } = this.#options;
    if (this.#isClosed) return;
    this.#timer = clock.setTimer(() => {
      const loading = this.#load().catch((err: unknown) => {
        const problem = String(err);
        if (problem !== this.#problem) onUnreadable(err);
        this.#problem = problem;
      });
      void loading.finally(() => this.#wait());
    }, INTERVAL_MS);
  }

  async #load(): Promise<void> {
    const list = await this.#file.load();
    this.#problem = undefined;
    if (list === this.#list) return;
    await this.#options.onChanged(list);
    this.#list = list;
  }
}
