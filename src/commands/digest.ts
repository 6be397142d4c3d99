import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

import type { Output } from './config.ts';

/** The algorithms of distribution's `digest`. A registry uses sha256 and sha512 only. */
export const DIGEST_ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;
export type FileDigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

const CHUNK_BYTES = 256 * 1024;

export interface DigestOptions {
  readonly algorithm: FileDigestAlgorithm;
  /** The program's name in error messages. */
  readonly name: string;
  /** Read for `-`. */
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: Output;
  readonly err: Output;
}

/**
 * `digest`: prints a line `<digest> TAB <name>` for each file. Files are streamed.
 *
 * @param files `-` is the standard input, which is also read without any file
 * @returns the exit code: 1 when a file could not be read; the others are still printed
 */
export async function digestFiles(files: readonly string[], options: DigestOptions): Promise<number> {
  let code = 0;
  for (const file of files.length === 0 ? ['-'] : files) {
    try {
      const digest = await digestOfStream(file === '-' ? options.stdin : chunksOf(file), options.algorithm);
      options.out.write(`${digest}\t${file}\n`);
    } catch (err) {
      options.err.write(`${options.name}: ${file}: ${err instanceof Error ? err.message : String(err)}\n`);
      code = 1;
    }
  }
  return code;
}

async function digestOfStream(chunks: AsyncIterable<Uint8Array>, algorithm: FileDigestAlgorithm): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of chunks) hash.update(chunk);
  return `${algorithm}:${hash.digest('hex')}`;
}

/** Each chunk is in the memory of the one before. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
