import type { ResponseHeaders } from './exchange-body.ts';

/** The head of a response with a body of known length. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ResponseHeaders;
  /** Bytes of the body. */
  readonly length: number;
  /** Milliseconds that the server keeps the connection; 0 when it closes it, undefined when it does not state a time. */
  readonly keepAliveMs: number | undefined;
  /** Bytes up to the body. */
  readonly headBytes: number;
}

/**
 * - `malformed`: with a length that is none, or several, or with a line that is not a field
 * - `unusual`: without a length, interim, folded, of another version of HTTP, or not of HTTP; a complete parser decides
 */
export type ParsedHead = ResponseHead | 'incomplete' | 'malformed' | 'unusual';

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;
/** A parser may take it for the end of a line: RFC 9112 section 2.2. */
const BARE_LF = /(?:^|[^\r])\n/;
const FOLDED = /^[\t ]/;
const LENGTH = /^\d{1,15}$/;

/**
 * Parses only heads that are exactly as RFC 9112 has them, with one `Content-Length` and no `Transfer-Encoding`.
 *
 * @param bytes from the first byte of the response
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-4
 */
export function parseHead(bytes: Buffer): ParsedHead {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return mayBecomeHead(bytes) ? 'incomplete' : 'unusual';
  const [statusLine = '', ...fieldLines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(STATUS_LINE.exec(statusLine)?.[1]);
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  if (Number.isNaN(status) || !hasBody || fieldLines.some((line) => FOLDED.test(line))) return 'unusual';
  const headers = parseFields(fieldLines);
  if (headers === undefined) return 'malformed';
  const length = headers['content-length'];
  if (length === undefined || headers['transfer-encoding'] !== undefined) return 'unusual';
  if (typeof length !== 'string' || !LENGTH.test(length)) return 'malformed';
  return { status, headers, length: Number(length), keepAliveMs: keepAliveMs(headers), headBytes: end + 4 };
}

/** Garbage is not waited for. */
function mayBecomeHead(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  return 'HTTP/1.1 '.startsWith(text.slice(0, 9)) && !BARE_LF.test(text);
}

function parseFields(lines: readonly string[]): ResponseHeaders | undefined {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    addField(headers, name.toLowerCase(), withoutSpace(value));
  }
  return headers;
}

/** An expression would take quadratic time, and `trim` also removes other characters. */
function withoutSpace(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isSpace(value[start])) start++;
  while (start < end && isSpace(value[end - 1])) end--;
  return value.slice(start, end);
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function addField(headers: Record<string, string | string[]>, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (Array.isArray(before)) before.push(value);
  else headers[name] = [before, value];
}

function keepAliveMs(headers: ResponseHeaders): number | undefined {
  const options = String(headers.connection ?? '')
    .toLowerCase()
    .split(',');
  if (options.some((option) => option.trim() === 'close')) return 0;
  const seconds = /timeout=(\d{1,9})/i.exec(String(headers['keep-alive'] ?? ''))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
