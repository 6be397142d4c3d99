import type { CompletedPart } from '@aws-sdk/client-s3';

import type { S3Config } from '../../config/config.ts';
import type { ByteRange } from '../../stream/byte-source.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { S3Bucket, UploadRef } from './bucket.ts';
import { completeUpload } from './complete.ts';
import { copyObject } from './copy.ts';
import { S3Source } from './source.ts';

/** S3's limits: of all parts but the last, and of their number. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

export interface StoredPiece {
  readonly key: string;
  /** Bytes, at least one. */
  readonly size: number;
}

/** Bytes of one of the pieces. */
export interface PieceRange extends ByteRange {
  /** Number of the piece, from 0. */
  readonly piece: number;
}

export interface PartLimits {
  readonly minBytes: number;
  readonly maxBytes: number;
}

export interface ComposeOptions {
  readonly bucket: S3Bucket;
  readonly buffers: PartBuffers;
  readonly limits: S3Config['copy'];
  readonly pieces: readonly StoredPiece[];
  readonly to: string;
}

/**
 * Makes one object of several, in the store itself: what is large enough is copied there, only small pieces pass through here. The target is
 * replaced as one step.
 */
export async function composeObject(options: ComposeOptions): Promise<void> {
  const { bucket, limits, pieces, to } = options;
  const [only, ...others] = pieces;
  if (!only) return await bucket.put(to, new Uint8Array());
  if (others.length === 0) return await copyObject(bucket, { from: only.key, to, size: only.size, limits });
  const ref = { key: to, uploadId: await bucket.startUpload(to) };
  try {
    const size = pieces.reduce((sum, piece) => sum + piece.size, 0);
    await completeUpload(bucket, ref, { parts: await makeParts(ref, options), size });
  } catch (err) {
    await bucket.abortUpload(ref).catch(() => {}); // is removed as abandoned later
    throw err;
  }
}

/** Which bytes go into which part; one of several ranges has to be read and sent. */
export function planParts(sizes: readonly number[], { minBytes, maxBytes }: PartLimits): PieceRange[][] {
  const parts: PieceRange[][] = [];
  let current: PieceRange[] = [];
  let missing = minBytes;
  for (const [piece, size] of sizes.entries()) {
    for (let start = 0; start < size; ) {
      const left = size - start;
      const isWhole = current.length === 0 && left >= minBytes;
      const length = isWhole ? copiedAtOnce(left, { minBytes, maxBytes }) : Math.min(left, missing);
      current.push({ piece, start, end: start + length });
      start += length;
      missing -= length;
      if (missing > 0) continue;
      parts.push(current);
      current = [];
      missing = minBytes;
    }
  }
  return current.length === 0 ? parts : [...parts, current];
}

/** Never so many that too few are left. */
function copiedAtOnce(left: number, { minBytes, maxBytes }: PartLimits): number {
  if (left <= maxBytes) return left;
  return Math.min(maxBytes, left - minBytes);
}

async function makeParts(ref: UploadRef, options: ComposeOptions): Promise<CompletedPart[]> {
  const { pieces, limits } = options;
  const sizes = pieces.map(({ size }) => size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const minBytes = Math.max(MIN_PART_BYTES, Math.ceil(total / (MAX_PARTS / 2)));
  const plan = planParts(sizes, { minBytes, maxBytes: Math.max(limits.chunkBytes, 2 * minBytes) });
  const parts: CompletedPart[] = [];
  const left = plan.entries();
  const makeOthers = async (): Promise<void> => {
    for (const [i, ranges] of left) parts[i] = await makePart(ref, { ...options, number: i + 1, ranges });
  };
  const workers = Array.from({ length: Math.min(limits.maxConcurrent, plan.length) }, makeOthers);
  // All of them, as a part that arrives after the upload was given up would stay.
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return parts;
}

async function makePart(
  ref: UploadRef,
  { bucket, buffers, pieces, number, ranges }: ComposeOptions & { number: number; ranges: readonly PieceRange[] },
): Promise<CompletedPart> {
  const [only, ...others] = ranges;
  const keyOf = ({ piece }: PieceRange) => (pieces[piece] as StoredPiece).key;
  const isLarge = only && only.end - only.start >= MIN_PART_BYTES;
  if (only && isLarge && others.length === 0) return bucket.copyPart(ref, { number, from: keyOf(only), range: only });
  const length = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return await buffers.use(length, async (bytes) => {
    let filled = 0;
    for (const range of ranges) filled += await readInto(bytes.subarray(filled), { bucket, key: keyOf(range), range });
    return await bucket.uploadPart(ref, { number, bytes });
  });
}

async function readInto(
  target: Buffer,
  { bucket, key, range }: { bucket: S3Bucket; key: string; range: ByteRange },
): Promise<number> {
  const source = new S3Source({ bucket, key, path: key, opened: await bucket.get(key) });
  let filled = 0;
  try {
    for await (const chunk of source.read(range)) {
      target.set(chunk, filled);
      filled += chunk.length;
    }
    return filled;
  } finally {
    await source.close();
  }
}
