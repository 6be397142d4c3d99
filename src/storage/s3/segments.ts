import { randomBytes } from 'node:crypto';

/** A segment of a staged file, stored as a separate object. Its name contains its position and its predecessor. */
export interface Segment {
  /** Last part of the object's key. */
  readonly name: string;
  readonly id: string;
  /** Id of the segment before it; {@link NO_SEGMENT} for a first one. */
  readonly parent: string;
  /** Position of its first byte in the file. */
  readonly offset: number;
  /** Bytes, at least one. */
  readonly size: number;
}

export const NO_SEGMENT = '0000000000000000';

const NAME = /^(\d{16})-([0-9a-f]{16})-([0-9a-f]{16})$/;

export function createSegmentName(parent: string, offset: number): string {
  return `${String(offset).padStart(16, '0')}-${parent}-${randomBytes(8).toString('hex')}`;
}

/** @returns undefined when the name is not a segment's, or the segment is empty */
export function parseSegment(name: string, size: number): Segment | undefined {
  const [, offset, parent, id] = NAME.exec(name) ?? [];
  if (offset === undefined || parent === undefined || id === undefined || size === 0) return undefined;
  return { name, id, parent, offset: Number(offset), size };
}

/**
 * The segments of the file, in order. When two writers have each appended to the same end, the longer chain counts, and of
 * equally long ones the one with the smaller ids. Segments of different writers are never mixed.
 */
export function longestChain(segments: readonly Segment[]): readonly Segment[] {
  const children = new Map<string, Segment[]>();
  for (const segment of segments) children.set(segment.parent, [...(children.get(segment.parent) ?? []), segment]);
  const best = new Map<string, { readonly end: number; readonly next: Segment | undefined }>();
  const bestAfter = (id: string, end: number) => {
    let found: { readonly end: number; readonly next: Segment | undefined } = { end, next: undefined };
    for (const child of children.get(id) ?? []) {
      if (child.offset !== end) continue;
      const after = best.get(child.id)?.end ?? end;
      const isBetter = after > found.end || (after === found.end && child.id < (found.next?.id ?? ''));
      if (isBetter) found = { end: after, next: child };
    }
    return found;
  };
  // In descending order of position: the successors of a segment start behind it.
  for (const { id, offset, size } of segments.toSorted((a, b) => b.offset - a.offset)) {
    best.set(id, bestAfter(id, offset + size));
  }
  const chain: Segment[] = [];
  for (let { next } = bestAfter(NO_SEGMENT, 0); next; next = best.get(next.id)?.next) chain.push(next);
  return chain;
}
