import { matchGlobs } from '../matching/glob.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { DeniedContent } from './denials.ts';

/** A deny file cannot be used. */
export class DenyFileError extends Error {
  override readonly name = 'DenyFileError';
  /** Errors with a code are printed without their stack. */
  readonly code = 'ERR_DENY_FILE';
}

/**
 * Reads a deny file: on each line a digest, a name with a digest, or a glob for stored names. Text after `#` is the reason that clients see
 * for a digest.
 *
 * @throws {DenyFileError} with the number of the line
 */
export function parseDenyFile(text: string): DeniedContent {
  const digests = new Map<Digest, string>();
  const names: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const hash = line.indexOf('#');
    const entry = (hash === -1 ? line : line.slice(0, hash)).trim();
    if (entry === '') continue;
    const digest = entry.slice(entry.indexOf('@') + 1);
    if (isDigest(digest)) digests.set(digest, hash === -1 ? '' : line.slice(hash + 1).trim());
    else names.push(parseName(entry, index + 1));
  }
  return { digests, names };
}

function parseName(entry: string, line: number): string {
  // A name has no tag here: a tag can move to other content.
  const isName = !/[\s:@]/.test(entry);
  if (isName && isGlob(entry)) return entry;
  const expected = 'must be a digest such as sha256:… or a name such as docker.io/library/*';
  throw new DenyFileError(`line ${line}: ${expected}, not ${JSON.stringify(entry.slice(0, 200))}`);
}

function isGlob(entry: string): boolean {
  try {
    matchGlobs([entry]);
    return true;
  } catch {
    return false;
  }
}
