import { crc32 } from 'node:zlib';

/** One event in a file. It is a line of text, so that an operator can read it. */
export interface QueueRecord {
  /** Place in the order of the queue; grows by one, across files and restarts. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly queuedAt: number;
  /** Events of pulls are the first to be dropped from a full queue. */
  readonly isPull: boolean;
}

/** A record with its place in a file. */
export interface FoundRecord extends QueueRecord {
  /** Start of the line in the file. Bytes. */
  readonly offset: number;
  /** Bytes of the line, its end included. */
  readonly bytes: number;
}

const LINE_END = 0x0a;
/** Checksum, sequence, time, kind. */
const HEAD = /^([0-9a-f]{8}) (\d{1,16}) (\d{1,16}) ([pk]) /;
/** Length of the checksum and the space after it. */
const CHECKSUM_BYTES = 9;

/** @param json without line breaks */
export function encodeRecord({ sequence, queuedAt, isPull }: QueueRecord, json: string): Buffer {
  const body = `${sequence} ${queuedAt} ${isPull ? 'p' : 'k'} ${json}`;
  return Buffer.from(`${checksumOf(body)} ${body}\n`);
}

/** The JSON of a line that {@link encodeRecord} wrote. @returns undefined when it is damaged */
export function decodeRecord(line: Buffer): string | undefined {
  const text = line.toString();
  const [head] = HEAD.exec(text) ?? [];
  return head !== undefined && isWhole(text) ? text.slice(head.length, -1) : undefined;
}

/**
 * All complete records of a file, in order. Damaged lines are skipped, at the end (after a power failure) or in the middle: each line has its
 * own checksum.
 */
export function* findRecords(file: Buffer): Generator<FoundRecord> {
  for (let offset = 0; offset < file.length; ) {
    const end = file.indexOf(LINE_END, offset);
    if (end === -1) return;
    const text = file.toString('utf8', offset, end + 1);
    const [, , sequence = '', queuedAt = '', kind] = HEAD.exec(text) ?? [];
    if (kind !== undefined && isWhole(text)) {
      yield {
        sequence: Number(sequence),
        queuedAt: Number(queuedAt),
        isPull: kind === 'p',
        offset,
        bytes: end + 1 - offset,
      };
    }
    offset = end + 1;
  }
}

function isWhole(line: string): boolean {
  return line.endsWith('\n') && line.startsWith(checksumOf(line.slice(CHECKSUM_BYTES, -1)));
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
