import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Cursor } from './cursor.ts';
import { findRecords } from './record.ts';
import { type QueueEntry, Segment } from './segment.ts';

/** Size after which a new file is started. Bytes. */
const SEGMENT_BYTES = 1024 * 1024;
const SUFFIX = '.log';
const DRAFT = '.draft';

/** An {@link EventLog} and its events when it was opened. */
export interface FoundLog {
  readonly log: EventLog;
  /** In order. */
  readonly entries: readonly QueueEntry[];
  /** Greater than any number in use. */
  readonly nextSequence: number;
}

/** Lines to be written together. */
export interface Batch {
  readonly entries: readonly QueueEntry[];
  /** A caller waits until they are on disk. */
  readonly isDurable: boolean;
}

/**
 * The events of one queue on disk: files of lines, and a cursor up to which all events are done.
 *
 * Lines are appended to the last file only. A file without waiting events is removed, and neighbours with few waiting events are merged.
 * So the log takes about twice the space of the waiting events, plus one file.
 */
export class EventLog {
  readonly #directory: string;
  readonly #cursor: Cursor;
  /** In order; the last may be {@link #active}. */
  readonly #segments: Segment[] = [];
  #active: Segment | undefined;
  #compacting: Promise<void> | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#cursor = new Cursor(join(directory, 'done'));
  }

  /** @throws when the directory cannot be read or created */
  static async open(directory: string): Promise<FoundLog> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const log = new EventLog(directory);
    const done = await log.#cursor.open();
    const entries: QueueEntry[] = [];
    let last = done;
    for (const name of (await readdir(directory)).toSorted()) {
      if (name.endsWith(DRAFT)) await rm(join(directory, name), { force: true });
      if (!name.endsWith(SUFFIX)) continue;
      const found = await log.#load(join(directory, name), last);
      entries.push(...found);
      last = found.at(-1)?.sequence ?? last;
    }
    return { log, entries, nextSequence: last + 1 };
  }

  /** Sets the place of each entry. @throws the file system's error; a part may have been written then */
  async append({ entries, isDurable }: Batch): Promise<void> {
    const [first] = entries;
    if (!first) return;
    const lines = entries.map(({ place }) => place as Buffer);
    const segment = await this.#segmentFor(first.sequence);
    let offset = segment.bytes;
    try {
      await segment.append(lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines), { isDurable });
      if (isDurable && !(await segment.isInPlace())) throw new LostDirectoryError();
    } catch (err) {
      this.#active = undefined; // lines after a partial line would be lost with it
      if (segment.waiting.size === 0) await this.#drop([segment]).catch(() => {});
      throw err;
    }
    for (const entry of entries) {
      entry.place = { segment, offset };
      if (!entry.isGone) segment.hold(entry);
      offset += entry.bytes;
    }
    if (segment.bytes >= SEGMENT_BYTES) this.#active = undefined;
  }

  /** The entry needs no more work. */
  release(entry: QueueEntry): void {
    if (Buffer.isBuffer(entry.place)) return;
    const { segment } = entry.place;
    segment.release(entry);
    if (segment !== this.#active && isSparse([segment])) this.#compacting ??= this.#compact();
  }

  /** All entries before this one are done. */
  doneBefore(sequence: number): void {
    this.#cursor.move(sequence - 1);
  }

  /** Drops the files that another process took over. @returns the entries that are left */
  async forgetLost(entries: Iterable<QueueEntry>): Promise<QueueEntry[]> {
    const lost = new Set<Segment>();
    for (const segment of this.#segments.splice(0)) {
      if (await segment.isInPlace().catch(() => false)) this.#segments.push(segment);
      else lost.add(segment);
    }
    await Promise.all([...lost].map((segment) => segment.close()));
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#cursor.reopen();
    return [...entries].filter(({ place }) => Buffer.isBuffer(place) || !lost.has(place.segment));
  }

  /** @param options.isEmpty removes the directory */
  async close({ isEmpty }: { readonly isEmpty: boolean }): Promise<void> {
    await this.#compacting;
    await Promise.all(this.#segments.map((segment) => segment.close()));
    await this.#cursor.close();
    if (isEmpty) await rm(this.#directory, { recursive: true, force: true });
  }

  async #load(path: string, last: number): Promise<QueueEntry[]> {
    const file = await readFile(path);
    const segment = new Segment(path, file.length);
    const entries: QueueEntry[] = [];
    for (const { offset, ...record } of findRecords(file)) {
      // A crash during a merge leaves lines twice.
      if (record.sequence <= (entries.at(-1)?.sequence ?? last)) continue;
      const entry: QueueEntry = { ...record, place: { segment, offset }, isGone: false };
      segment.hold(entry);
      entries.push(entry);
    }
    if (entries.length === 0) await segment.remove();
    else this.#segments.push(segment);
    return entries;
  }

  async #segmentFor(sequence: number): Promise<Segment> {
    if (this.#active) return this.#active;
    const segment = await Segment.create(this.#pathOf(sequence));
    await this.#syncDirectory();
    this.#segments.push(segment);
    this.#active = segment;
    return segment;
  }

  #pathOf(sequence: number): string {
    return join(this.#directory, `${String(sequence).padStart(16, '0')}${SUFFIX}`);
  }

  /** Removes files without waiting events, and merges neighbours with few of them. */
  async #compact(): Promise<void> {
    try {
      for (const run of this.#sparseRuns()) {
        if (run.every(({ waiting }) => waiting.size === 0)) await this.#drop(run);
        else await this.#merge(run);
      }
    } catch {
      // Nothing has changed except that space stays in use. The next finished event starts another attempt.
    } finally {
      this.#compacting = undefined;
    }
  }

  #sparseRuns(): Segment[][] {
    return runsOf(this.#segments.filter((segment) => segment !== this.#active)).filter(isSparse);
  }

  async #drop(run: readonly Segment[]): Promise<void> {
    for (const segment of run) {
      await segment.remove();
      this.#segments.splice(this.#segments.indexOf(segment), 1);
    }
  }

  async #merge(run: readonly Segment[]): Promise<void> {
    const [first] = run;
    if (!first) return;
    const entries = run.flatMap(({ waiting }) => [...waiting]);
    const lines = await Promise.all(entries.map(readLine));
    const draft = `${first.path}${DRAFT}`;
    await rm(draft, { force: true });
    const merged = await Segment.create(draft);
    await merged.append(Buffer.concat(lines), { isDurable: true });
    await merged.rename(first.path);
    this.#segments.splice(this.#segments.indexOf(first), 1, merged);
    let offset = 0;
    for (const entry of entries) {
      if (!entry.isGone) {
        entry.place = { segment: merged, offset };
        merged.hold(entry);
      }
      offset += entry.bytes;
    }
    await first.close();
    await this.#drop(run.slice(1));
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** Another process took over the directory because this one seemed to be dead. It may or may not read recent writes. */
export class LostDirectoryError extends Error {
  override readonly name = 'LostDirectoryError';
}

/** Runs of neighbours that fit into one file. */
function runsOf(segments: readonly Segment[]): Segment[][] {
  const runs: Segment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    bytes += segment.waitingBytes;
    const run = runs.at(-1);
    if (run && bytes <= SEGMENT_BYTES) run.push(segment);
    else {
      runs.push([segment]);
      bytes = segment.waitingBytes;
    }
  }
  return runs;
}

function isSparse(run: readonly Segment[]): boolean {
  const waiting = run.reduce((sum, segment) => sum + segment.waitingBytes, 0);
  const written = run.reduce((sum, segment) => sum + segment.bytes, 0);
  return waiting * 2 < written;
}

async function readLine({ place, bytes }: QueueEntry): Promise<Buffer> {
  return Buffer.isBuffer(place) ? place : place.segment.read(place.offset, bytes);
}
