import { isDigest, type Digest } from '../oci/digest.ts';
import { openBundle, readSums } from './bundle.ts';
import { parseSums } from './sums.ts';

/** The content that a site has after it imported a bundle: its files, and what it had before. @throws {ImageError} */
export async function digestsAfter(base: string): Promise<Digest[]> {
  const bundle = await openBundle([base]);
  try {
    const inBundle = parseSums(await readSums(bundle), base).map(({ path }) =>
      path.replace(/^blobs\//, '').replace('/', ':'),
    );
    return [...inBundle.filter(isDigest), ...bundle.contents.absent];
  } finally {
    await bundle.files.close();
  }
}
