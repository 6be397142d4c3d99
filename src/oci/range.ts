/** Positions in bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A `Range` header, applied to content of a known size. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'ranges'; readonly ranges: readonly [ByteRange, ...ByteRange[]] }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeRequest = { kind: 'whole' };
const UNSATISFIABLE: RangeRequest = { kind: 'unsatisfiable' };

/** Podman requests a zstd:chunked layer in up to 1024 ranges; a header could contain ten times as many. */
const MAX_RANGES = 1024;
/** Each step back may cost another request to the upstream, which sends bytes in order. */
const MAX_STEPS_BACK = 4;

const UNIT_AND_SET = /^([^=]*)=?(.*)$/s;
/** With any number of digits: for "to the end", clients send the largest number that they can. */
const SPEC = /^(\d*)-(\d*)$/;

/**
 * Parses a `Range` header: `bytes=0-99`, `bytes=100-`, `bytes=-100`, and lists of these.
 *
 * An unknown unit is ignored, as RFC 9110 requires. A malformed `bytes` range is rejected, as it permits and as Docker's
 * registry does. The whole content is the result for ranges that add up to more than it, for more than 1024 ranges, for
 * more than two that overlap, and for more than four that start before their predecessor. Empty content is always whole:
 * clients that always send a range cannot know that a blob is empty.
 *
 * @param header the request header. Absent when the request has none
 * @param size of the content, in bytes
 * @returns the ranges in the order of the header. Adjacent ones are not merged, because podman counts the parts
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  if (header === undefined) return WHOLE;
  const [, unit = '', set = ''] = UNIT_AND_SET.exec(header) ?? [];
  if (unit.trim().toLowerCase() !== 'bytes') return WHOLE;
  // RFC 9110, section 5.6.1.2: empty elements of a list are ignored.
  const specs = set.split(',').filter((spec) => spec.trim() !== '');
  if (specs.length > MAX_RANGES) return WHOLE;
  const parsed = specs.map((spec) => parseSpec(spec.trim(), size));
  if (parsed.length === 0 || parsed.includes('malformed')) return UNSATISFIABLE;
  const ranges = parsed.filter((range) => typeof range === 'object');
  const [first, ...others] = ranges;
  if (!first) return size === 0 ? WHOLE : UNSATISFIABLE;
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const isCostly = overlapsOf(ranges) > 1 || stepsBackOf(ranges) > MAX_STEPS_BACK;
  return total > size || isCostly ? WHOLE : { kind: 'ranges', ranges: [first, ...others] };
}

/** The number of ranges that start before their predecessor in the list. */
function stepsBackOf(ranges: readonly ByteRange[]): number {
  return ranges.filter(({ start }, i) => start < (ranges[i - 1]?.start ?? 0)).length;
}

/** The number of ranges that start inside another one. */
function overlapsOf(ranges: readonly ByteRange[]): number {
  let reached = 0;
  let overlaps = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (start < reached) overlaps++;
    reached = Math.max(reached, end);
  }
  return overlaps;
}

/** @returns undefined when the range is behind the end of the content */
function parseSpec(spec: string, size: number): ByteRange | 'malformed' | undefined {
  const [, from = '', to = ''] = SPEC.exec(spec) ?? [];
  if (from === '' && to === '') return 'malformed';
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? undefined : { start: size - length, end: size };
  }
  const start = Number(from);
  if (to !== '' && Number(to) < start) return 'malformed';
  if (start >= size) return undefined;
  return { start, end: to === '' ? size : Math.min(Number(to) + 1, size) };
}

/**
 * The `Content-Range` header of a 206 response.
 *
 * @param size of the whole content, in bytes
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.4
 */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}
