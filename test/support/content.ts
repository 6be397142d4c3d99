import { createCipheriv, createHash } from 'node:crypto';

import { type Digest, digestFromHash, type DigestAlgorithm, digestOf } from '../../src/oci/digest.ts';
import { tarHeader } from './tar.ts';

/** Bytes with a digest, made when they are read: a gigabyte takes no memory. */
export interface Content {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** From `start` up to, not including, `end`. Both default to the whole. */
  read(start?: number, end?: number): Iterable<Buffer>;
}

const CHUNK = 256 * 1024;
const ZEROS = Buffer.alloc(CHUNK);
const AES_BLOCK = 16;

export function bytesContent(bytes: Buffer, algorithm: DigestAlgorithm = 'sha256'): Content {
  const read = (start = 0, end = bytes.length) => [bytes.subarray(start, end)];
  return { digest: digestOf(bytes, algorithm), size: bytes.length, read };
}

/** Pseudo-random bytes: the same for the same seed, incompressible, readable from any offset. */
export function seededContent(seed: string, size: number, algorithm: DigestAlgorithm = 'sha256'): Content {
  return withDigest(size, (start, end) => seededBytes(seed, start, end), algorithm);
}

/**
 * A layer that is exactly `size` bytes and still unpacks: an uncompressed tar of one file of seeded bytes.
 *
 * @throws {RangeError} when `size` is below 2048: no tar is that small.
 */
export function tarContent(seed: string, size: number): Content {
  if (size < 2048) throw new RangeError(`a tar layer takes 2048 bytes or more, not ${size}`);
  const fileSize = Math.floor((size - 1536) / 512) * 512;
  const header = tarHeader({
    path: `data-${createHash('sha256').update(seed).digest('hex').slice(0, 12)}`,
    size: fileSize,
  });
  const fileEnd = 512 + fileSize;
  return withDigest(size, function* (start, end) {
    yield header.subarray(clamp(start, 512), clamp(end, 512));
    yield* seededBytes(seed, clamp(start - 512, fileSize), clamp(end - 512, fileSize));
    yield Buffer.alloc(Math.max(end, fileEnd) - Math.max(start, fileEnd));
  });
}

const clamp = (value: number, max: number) => Math.min(Math.max(value, 0), max);

function withDigest(
  size: number,
  generate: (start: number, end: number) => Iterable<Buffer>,
  algorithm: DigestAlgorithm = 'sha256',
): Content {
  const hash = createHash(algorithm);
  for (const chunk of generate(0, size)) hash.update(chunk);
  return { digest: digestFromHash(hash, algorithm), size, read: (start = 0, end = size) => generate(start, end) };
}

/** AES in counter mode: fast, and block n needs no block before it. */
function* seededBytes(seed: string, start: number, end: number): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const counter = Buffer.alloc(AES_BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(start / AES_BLOCK)), 8);
  const cipher = createCipheriv('aes-128-ctr', key, counter);
  cipher.update(Buffer.alloc(start % AES_BLOCK));
  for (let at = start; at < end; at += CHUNK) yield cipher.update(ZEROS.subarray(0, Math.min(CHUNK, end - at)));
}
