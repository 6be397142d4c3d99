import { writeSync } from 'node:fs';

import { pino } from 'pino';

/** Where finished lines go; each ends with a line feed. */
export interface LogDestination {
  write(line: string): unknown;
  /** Resolves when every line so far has been passed to the operating system, or failed to be. */
  flush(): Promise<void>;
}

/** Characters gathered before a write: one for fifty requests, as each wakes a thread. */
const GATHER_LENGTH = 32 * 1024;
/** A line waits no longer than this. Milliseconds. */
const GATHER_MS = 500;
/** Largest write, so that a busy event loop keeps up with one write per turn. Bytes. */
const MAX_WRITE_BYTES = 64 * 1024;
/** With a reader that does not read (a stuck pipe, a full disk), further lines are dropped. Bytes. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * Logs to a file descriptor. Lines are gathered and written in the background, at the latest after half a second and
 * when the process exits; only a kill loses any. A log that cannot be written never stops the service.
 */
export function openLogDestination(fileDescriptor: number): LogDestination {
  return new GatheringDestination(fileDescriptor);
}

/** Gathers in a string: pino's own buffer counts the bytes of all waiting lines again with every line. */
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
    // Unwritten lines are kept for the next write; an `error` event without a listener would end the process.
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
    // The error is ignored: a pipe cannot be synced and reports one every time.
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

  /** Synchronous: background work does not finish any more. */
  readonly #onExit = (): void => {
    try {
      this.#file.flushSync();
      let rest: Buffer = Buffer.from(this.#gathered);
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fileDescriptor, rest));
    } catch {
      // The reader is gone or does not read: the lines are lost.
    }
  };
}
