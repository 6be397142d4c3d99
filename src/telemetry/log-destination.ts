import { writeSync } from 'node:fs';

import { pino } from 'pino';

/** Where finished lines go; each ends with a line feed. */
export interface LogDestination {
  write(line: string): unknown;
  /** Resolves when every line so far has been handed to the operating system, or cannot be. */
  flush(): Promise<void>;
}

/** Characters gathered before a write: one system call for a dozen requests. */
const GATHER_LENGTH = 8 * 1024;
/** A line waits no longer than this. Milliseconds. */
const GATHER_MS = 500;
/** Written at once when more has gathered meanwhile, so that a busy event loop keeps up with one write per turn. Bytes. */
const MAX_WRITE_BYTES = 64 * 1024;
/** A reader that stands still (a stuck pipe, a full disk) costs lines, not our memory. Bytes. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * Logs to a file descriptor. Lines are gathered and written in the background, at the latest after half a second and
 * when the process exits; only a kill loses any. A log that cannot be written never stops the service.
 */
export function openLogDestination(fileDescriptor: number): LogDestination {
  return new GatheringDestination(fileDescriptor);
}

/** Gathers in a string, as pino's own buffer counts the bytes of all that waits again with every line. */
class GatheringDestination implements LogDestination {
  readonly #file: ReturnType<typeof pino.destination>;
  readonly #fileDescriptor: number;
  #gathered = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(fileDescriptor: number) {
    this.#fileDescriptor = fileDescriptor;
    this.#file = pino.destination({
      dest: fileDescriptor,
      sync: false,
      // Not 0, with which `flush` would not wait.
      minLength: 1,
      maxWrite: MAX_WRITE_BYTES,
      maxLength: MAX_WAITING_BYTES,
    });
    // What could not be written is kept for the next try; an error nobody listens to would end the process.
    this.#file.on('error', () => {});
    this.#file.on('drop', () => this.#file.flush());
  }

  write(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= GATHER_LENGTH) this.#handOver();
    else if (this.#timer === undefined) this.#startTimer();
  }

  async flush(): Promise<void> {
    this.#handOver();
    // The error is of no use here; a pipe, which cannot be synced, gives one every time.
    await new Promise<void>((resolve) => this.#file.flush(() => resolve()));
  }

  #handOver(): void {
    const lines = this.#gathered;
    this.#gathered = '';
    if (lines !== '') this.#file.write(lines);
  }

  #startTimer(): void {
    process.on('exit', this.#onExit);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      process.off('exit', this.#onExit);
      this.#handOver();
    }, GATHER_MS).unref();
  }

  /** Nothing that is begun in the background now would be finished. */
  readonly #onExit = (): void => {
    try {
      this.#file.flushSync();
      let rest: Buffer = Buffer.from(this.#gathered);
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fileDescriptor, rest));
    } catch {
      // The reader has gone, or stands still: there is nobody left to tell.
    }
  };
}
