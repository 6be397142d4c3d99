/** Positions in bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a `Range` header asks of content of a known size. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'ranges'; readonly ranges: readonly [ByteRange, ...ByteRange[]] }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeRequest = { kind: 'whole' };
const UNSATISFIABLE: RangeRequest = { kind: 'unsatisfiable' };

/** Podman takes a zstd:chunked layer in up to so many; a header has space for ten times more. */
const MAX_RANGES = 1024;
/** Each step back may cost another request upstream, as bytes come in order. */
const MAX_STEPS_BACK = 4;

const UNIT_AND_SET = /^([^=]*)=?(.*)$/s;
/** Of any length: clients write "to the end" as the largest number that they know. */
const SPEC = /^(\d*)-(\d*)$/;

/**
 * Reads a `Range` header: `bytes=0-99`, `bytes=100-`, `bytes=-100`, and several of them.
 *
 * A unit we do not know is ignored, as RFC 9110 demands; a `bytes` range that is malformed is refused, as it permits and as
 * Docker's registry does. Ranges that together ask for more than the whole get the whole once, and so do more than 1024 of them, or
 * more than two that overlap, or that step back more than four times; of nothing any range is all of it: clients that always send one can not know that a blob is empty.
 *
 * Ranges are given as they were asked for, in their order and never merged, though adjacent ones could be: podman counts the parts.
 *
 * @param size bytes
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  if (header === undefined) return WHOLE;
  const [, unit = '', set = ''] = UNIT_AND_SET.exec(header) ?? [];
  if (unit.trim().toLowerCase() !== 'bytes') return WHOLE;
  // RFC 9110, section 5.6.1.2: empty elements of a list are passed over.
  const specs = set.split(',').filter((spec) => spec.trim() !== '');
  if (specs.length > MAX_RANGES) return WHOLE;
  const asked = specs.map((spec) => parseSpec(spec.trim(), size));
  if (asked.length === 0 || asked.includes('malformed')) return UNSATISFIABLE;
  const ranges = asked.filter((range) => typeof range === 'object');
  const [first, ...others] = ranges;
  if (!first) return size === 0 ? WHOLE : UNSATISFIABLE;
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const isCostly = overlapsOf(ranges) > 1 || stepsBackOf(ranges) > MAX_STEPS_BACK;
  return total > size || isCostly ? WHOLE : { kind: 'ranges', ranges: [first, ...others] };
}

/** How many begin before the one that was asked for before them. */
function stepsBackOf(ranges: readonly ByteRange[]): number {
  return ranges.filter(({ start }, i) => start < (ranges[i - 1]?.start ?? 0)).length;
}

/** How many begin before the end of another that begins no later. */
function overlapsOf(ranges: readonly ByteRange[]): number {
  let reached = 0;
  let overlaps = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (start < reached) overlaps++;
    reached = Math.max(reached, end);
  }
  return overlaps;
}

/** @returns undefined when it lies behind the end */
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

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-14.4 */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}
