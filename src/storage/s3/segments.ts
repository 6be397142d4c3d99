import { randomBytes } from 'node:crypto';

/** One piece of a staged file, an object of its own. Its name says what it follows. */
export interface Segment {
  /** Of the object. */
  readonly name: string;
  readonly id: string;
  /** Id of the piece before it; {@link NO_SEGMENT} for a first one. */
  readonly parent: string;
  /** Where its first byte belongs. */
  readonly offset: number;
  /** Bytes, at least one. */
  readonly size: number;
}

export const NO_SEGMENT = '0000000000000000';

const NAME = /^(\d{16})-([0-9a-f]{16})-([0-9a-f]{16})$/;

export function createSegmentName(parent: string, offset: number): string {
  return `${String(offset).padStart(16, '0')}-${parent}-${randomBytes(8).toString('hex')}`;
}

/** @returns undefined when the name is not that of a piece */
export function parseSegment(name: string, size: number): Segment | undefined {
  const [, offset, parent, id] = NAME.exec(name) ?? [];
  if (offset === undefined || parent === undefined || id === undefined || size === 0) return undefined;
  return { name, id, parent, offset: Number(offset), size };
}

/**
 * The pieces that make up the file, from the first on. When two writers each added one to the same end, the way with more bytes counts, and
 * of two that are as long the one with the smaller ids: whatever is chosen, pieces of different writers are never mixed.
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
  // The last ones first: what follows a piece begins behind it.
  for (const { id, offset, size } of segments.toSorted((a, b) => b.offset - a.offset)) {
    best.set(id, bestAfter(id, offset + size));
  }
  const chain: Segment[] = [];
  for (let { next } = bestAfter(NO_SEGMENT, 0); next; next = best.get(next.id)?.next) chain.push(next);
  return chain;
}
