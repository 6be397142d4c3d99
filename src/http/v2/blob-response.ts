import { randomBytes } from 'node:crypto';

import { type ByteRange, contentRange } from '../../oci/range.ts';
import type { BodyPart } from './send-source.ts';

/** The response for a blob, before it is sent. */
export interface BlobResponse {
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly parts: readonly BodyPart[];
}

export function wholeResponse(size: number, mediaType: string): BlobResponse {
  return {
    status: 200,
    headers: { 'content-type': mediaType, 'content-length': size },
    parts: [{ range: { start: 0, end: size } }],
  };
}

export function rangeResponse(range: ByteRange, size: number, mediaType: string): BlobResponse {
  return {
    status: 206,
    headers: {
      'content-type': mediaType,
      'content-length': range.end - range.start,
      'content-range': contentRange(range, size),
    },
    parts: [{ range }],
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-14.6 */
export function multipartResponse(
  ranges: readonly ByteRange[],
  size: number,
  mediaType: string,
  boundary = randomBytes(16).toString('hex'),
): BlobResponse {
  const parts = ranges.flatMap((range, i): BodyPart[] => [
    { text: `${i === 0 ? '' : '\r\n'}--${boundary}\r\n${partHeader(range, size, mediaType)}` },
    { range },
  ]);
  parts.push({ text: `\r\n--${boundary}--\r\n` });
  return {
    status: 206,
    headers: {
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length': parts.reduce((sum, part) => sum + lengthOf(part), 0),
    },
    parts,
  };
}

function partHeader(range: ByteRange, size: number, mediaType: string): string {
  return `Content-Type: ${mediaType}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`;
}

function lengthOf(part: BodyPart): number {
  return 'text' in part ? Buffer.byteLength(part.text) : part.range.end - part.range.start;
}
