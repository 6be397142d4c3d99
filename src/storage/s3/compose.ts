import type { CompletedPart } from '@aws-sdk/client-s3';

import type { ByteRange } from '../../stream/byte-source.ts';
import type { S3Bucket, UploadRef } from './bucket.ts';
import { completeUpload } from './complete.ts';
import { copyObject } from './copy.ts';
import type { S3CopyLimits } from './options.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';
import { createS3Source } from './source.ts';

/** S3's minimum for all parts except the last, and its limit for their number. */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** An object that becomes a part of a larger one. */
export interface SourceObject {
  readonly key: string;
  /** Bytes, at least one. */
  readonly size: number;
}

/** A range of one of the source objects. */
export interface SourceRange extends ByteRange {
  /** Index of the source object. */
  readonly source: number;
}

export interface PartLimits {
  readonly minBytes: number;
  readonly maxBytes: number;
}

export interface ComposeOptions {
  readonly bucket: S3Bucket;
  readonly buffers: PartBuffers;
  readonly limits: S3CopyLimits;
  readonly sources: readonly SourceObject[];
  readonly to: string;
}

/**
 * Concatenates objects to a new one, which replaces the target atomically. The store copies ranges that are large enough for
 * a part; only small ones pass through this process.
 */
export async function composeObject(options: ComposeOptions): Promise<void> {
  const { bucket, limits, sources, to } = options;
  const [only, ...others] = sources;
  if (!only) return await bucket.put(to, new Uint8Array());
  if (others.length === 0) return await copyObject(bucket, { from: only.key, to, size: only.size, limits });
  const ref = await bucket.startUpload(to, { isOfCopies: true });
  try {
    const size = sources.reduce((sum, source) => sum + source.size, 0);
    await completeUpload(bucket, ref, { parts: await makeParts(ref, options), size });
  } catch (err) {
    await bucket.abortUpload(ref).catch(() => {}); // it is removed later, as abandoned
    throw err;
  }
}

/** The ranges of each part. The store can copy a part with one range; a part with several has to be read and sent. */
export function planParts(sizes: readonly number[], { minBytes, maxBytes }: PartLimits): SourceRange[][] {
  const parts: SourceRange[][] = [];
  let current: SourceRange[] = [];
  let missing = minBytes;
  for (const [source, size] of sizes.entries()) {
    for (let start = 0; start < size; ) {
      const left = size - start;
      const isCopied = current.length === 0 && left >= minBytes;
      const length = isCopied ? copyLength(left, { minBytes, maxBytes }) : Math.min(left, missing);
      current.push({ source, start, end: start + length });
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

/** The ranges of each part, where all parts but the last must have one size. Those across borders of objects are read and sent. */
export function planUniformParts(sizes: readonly number[], partBytes: number): SourceRange[][] {
  const parts: SourceRange[][] = [];
  let missing = 0;
  for (const [source, size] of sizes.entries()) {
    for (let start = 0; start < size; ) {
      if (missing === 0) {
        parts.push([]);
        missing = partBytes;
      }
      const length = Math.min(size - start, missing);
      parts.at(-1)?.push({ source, start, end: start + length });
      start += length;
      missing -= length;
    }
  }
  return parts;
}

/** Leaves either nothing, or enough for another part. */
function copyLength(left: number, { minBytes, maxBytes }: PartLimits): number {
  if (left <= maxBytes) return left;
  return Math.min(maxBytes, left - minBytes);
}

async function makeParts(ref: UploadRef, options: ComposeOptions): Promise<CompletedPart[]> {
  const { sources, limits } = options;
  const sizes = sources.map(({ size }) => size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const minBytes = Math.max(MIN_PART_BYTES, Math.ceil(total / (MAX_PARTS / 2)));
  const maxBytes = Math.max(limits.chunkBytes, 2 * minBytes);
  const plan = limits.uniformParts ? planUniformParts(sizes, maxBytes) : planParts(sizes, { minBytes, maxBytes });
  const parts: CompletedPart[] = [];
  const remaining = plan.entries();
  const work = async (): Promise<void> => {
    for (const [i, ranges] of remaining) parts[i] = await makePart(ref, { ...options, number: i + 1, ranges });
  };
  const workers = Array.from({ length: Math.min(limits.maxConcurrent, plan.length) }, work);
  // Waits for all: a part that arrives after the upload was aborted would remain in the store.
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return parts;
}

async function makePart(
  ref: UploadRef,
  { bucket, buffers, sources, number, ranges }: ComposeOptions & { number: number; ranges: readonly SourceRange[] },
): Promise<CompletedPart> {
  const [only, ...others] = ranges;
  const keyOf = ({ source }: SourceRange) => (sources[source] as SourceObject).key;
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
  const source = createS3Source({ bucket, key, path: key, opened: await bucket.get(key) });
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
