import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';

import type { QueueRecord } from './record.ts';

/** An event that waits, as the queue remembers it. */
export interface QueueEntry extends QueueRecord {
  /** Of its line. */
  readonly bytes: number;
  /** Where its line is; a line in memory was not, or not yet, written. */
  place: Buffer | FilePlace;
  /** Nothing is left to be done with it. */
  isGone: boolean;
}

export interface FilePlace {
  readonly segment: Segment;
  readonly offset: number;
}

/** One file of a queue's log. It is appended to until it is full, and removed when nothing in it waits any more. */
export class Segment {
  #path: string;
  /** What in it still waits. */
  readonly waiting = new Set<QueueEntry>();
  /** Of all that was written to it. */
  bytes: number;
  /** Of {@link waiting}. */
  waitingBytes = 0;
  #file: FileHandle | undefined;

  constructor(path: string, bytes = 0) {
    this.#path = path;
    this.bytes = bytes;
  }

  /** @throws when there is a file of that name */
  static async create(path: string): Promise<Segment> {
    const segment = new Segment(path);
    segment.#file = await open(path, 'ax+', 0o600);
    return segment;
  }

  get path(): string {
    return this.#path;
  }

  /** At its end; on disk, and not only in the system's memory, when `isDurable`. */
  async append(lines: Buffer, { isDurable }: { readonly isDurable: boolean }): Promise<void> {
    const file = await this.#opened();
    await file.appendFile(lines);
    if (isDurable) await file.datasync();
    this.bytes += lines.length;
  }

  async read(offset: number, bytes: number): Promise<Buffer> {
    const file = await this.#opened();
    const buffer = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await file.read(buffer, 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  hold(entry: QueueEntry): void {
    this.waiting.add(entry);
    this.waitingBytes += entry.bytes;
  }

  release(entry: QueueEntry): void {
    if (this.waiting.delete(entry)) this.waitingBytes -= entry.bytes;
  }

  /** Whether the open file is still the one that its path names; not so when another process has taken the directory. */
  async isInPlace(): Promise<boolean> {
    const file = await this.#opened();
    const [ours, found] = await Promise.all([file.stat(), stat(this.#path).catch(() => undefined)]);
    return found?.ino === ours.ino && found.dev === ours.dev;
  }

  /** Replaces what is there. */
  async rename(path: string): Promise<void> {
    await rename(this.#path, path);
    this.#path = path;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
    await this.close();
  }

  async #opened(): Promise<FileHandle> {
    // Two that ask at once get two files: the second is closed when it is not needed.
    if (this.#file) return this.#file;
    const file = await open(this.#path, 'r');
    if (this.#file === undefined) this.#file = file;
    else await file.close();
    return this.#file;
  }
}
