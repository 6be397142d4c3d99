import { crc32 } from 'node:zlib';

/** One event as it lies in a file: a line of text, so that it can be read with a pager when something went wrong. */
export interface QueueRecord {
  /** Place in the order of the queue; grows by one, across files and restarts. */
  readonly sequence: number;
  /** Unix milliseconds. */
  readonly queuedAt: number;
  /** Others go first when there is no room. */
  readonly isPull: boolean;
}

/** A record that was found in a file. */
export interface FoundRecord extends QueueRecord {
  /** Of the line in the file. */
  readonly offset: number;
  /** Bytes of the line, its end included. */
  readonly bytes: number;
}

const LINE_END = 0x0a;
/** Checksum, sequence, time, kind. */
const HEAD = /^([0-9a-f]{8}) (\d{1,16}) (\d{1,16}) ([pk]) /;
/** Of the checksum and the space behind it. */
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
 * All whole records of a file, in its order. What is damaged is left out, be it a last line that a power cut tore or one in
 * the middle: lines stand for themselves.
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
