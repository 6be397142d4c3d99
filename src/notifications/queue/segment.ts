import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';

import type { QueueRecord } from './record.ts';

/** A waiting event in the queue. */
export interface QueueEntry extends QueueRecord {
  /** Size of its line. */
  readonly bytes: number;
  /** Where its line is. A line in memory has not been written. */
  place: Buffer | FilePlace;
  /** It has been delivered, dropped or stored as a dead letter. */
  isGone: boolean;
}

export interface FilePlace {
  readonly segment: Segment;
  readonly offset: number;
}

/** One file of a queue's log. Lines are appended until it is full. It is removed when no event in it is waiting. */
export class Segment {
  #path: string;
  /** Its waiting events. */
  readonly waiting = new Set<QueueEntry>();
  /** Size of the file. */
  bytes: number;
  /** Total size of {@link waiting}. */
  waitingBytes = 0;
  #file: FileHandle | undefined;

  constructor(path: string, bytes = 0) {
    this.#path = path;
    this.bytes = bytes;
  }

  /** @throws when a file of that name exists */
  static async create(path: string): Promise<Segment> {
    const segment = new Segment(path);
    segment.#file = await open(path, 'ax+', 0o600);
    return segment;
  }

  get path(): string {
    return this.#path;
  }

  /** Appends lines, and syncs them to disk when `isDurable`. */
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

  /** Whether the path still names the open file; it does not after another process took over the directory. */
  async isInPlace(): Promise<boolean> {
    const file = await this.#opened();
    const [opened, found] = await Promise.all([file.stat(), stat(this.#path).catch(() => undefined)]);
    return found?.ino === opened.ino && found.dev === opened.dev;
  }

  /** Replaces an existing file. */
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
    // Concurrent callers open two files: the second one is closed.
    if (this.#file) return this.#file;
    const file = await open(this.#path, 'r');
    if (this.#file === undefined) this.#file = file;
    else await file.close();
    return this.#file;
  }
}
