import { ImageError } from '../images/image-error.ts';
import { type Digest, isDigest } from '../oci/digest.ts';

/** One on each line, sorted. */
export function formatDigestList(digests: Iterable<string>): string {
  return [...new Set(digests)]
    .sort()
    .map((digest) => `${digest}\n`)
    .join('');
}

/** Text after `#` is a comment. @throws {ImageError} for a line that is not a digest */
export function parseDigestList(text: string, origin: string): Digest[] {
  const digests: Digest[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const digest = line.replace(/#.*/, '').trim();
    if (digest === '') continue;
    if (!isDigest(digest))
      throw new ImageError(`${origin}: line ${i + 1} is not a digest: ${JSON.stringify(digest.slice(0, 200))}`);
    digests.push(digest);
  }
  return digests;
}
