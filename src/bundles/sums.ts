import { createHash } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';

/** File of a bundle, and the sha256 of its bytes in hex. */
export interface FileSum {
  readonly path: string;
  readonly sum: string;
}

/** No path that leads anywhere else. */
const PATH =
  /^(?:oci-layout|index\.json|layover\/images\.lock\.yaml|layover\/bundle\.json|blobs\/[a-z0-9]{1,16}\/[0-9a-f]{32,128})$/;
const LINE = /^([0-9a-f]{64}) [ *](.+)$/;

/** For `sha256sum -c`, sorted by path. */
export function formatSums(sums: readonly FileSum[]): string {
  const sorted = sums.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return sorted.map(({ path, sum }) => `${sum}  ${path}\n`).join('');
}

/** @throws {ImageError} for a line that is not a sum of a file of a bundle */
export function parseSums(text: string, bundle: string): FileSum[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [, sum = '', path = ''] = LINE.exec(line) ?? [];
    if (!PATH.test(path))
      throw new ImageError(`${bundle}: refused, SHA256SUMS has ${JSON.stringify(line.slice(0, 200))}`);
    return { path, sum };
  });
}

export async function sumOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
