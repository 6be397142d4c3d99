import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import type { Output } from './config.ts';

/** The algorithms of the reference's `digest`; a registry itself names content by sha256 or sha512. */
export const DIGEST_ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const;
export type FileDigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

export interface DigestOptions {
  readonly algorithm: FileDigestAlgorithm;
  /** The program's name in error messages. */
  readonly name: string;
  /** What `-` stands for. */
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: Output;
  readonly err: Output;
}

/**
 * `digest`: a line `<digest> TAB <name>` for each file, in memory of one chunk whatever its size.
 *
 * @param files `-`, or none at all, is the standard input
 * @returns the exit code: 1 when any file could not be read; the others are printed all the same
 */
export async function digestFiles(files: readonly string[], options: DigestOptions): Promise<number> {
  let code = 0;
  for (const file of files.length === 0 ? ['-'] : files) {
    try {
      const digest = await digestOfStream(file === '-' ? options.stdin : createReadStream(file), options.algorithm);
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
