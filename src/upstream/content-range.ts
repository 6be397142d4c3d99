export interface ContentRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Bytes of the complete content; undefined for `*`. */
  readonly size: number | undefined;
}

/**
 * @returns undefined unless it is a range of bytes that is within its own size
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.4
 */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header?.trim() ?? '');
  if (!match) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  const size = match[3] === '*' ? undefined : Number(match[3]);
  return end > start && (size === undefined || end <= size) ? { start, end, size } : undefined;
}

/** A `Content-Length`, in bytes; undefined when it is missing or not a number. */
export function parseLength(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
