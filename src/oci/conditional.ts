import type { Digest } from './digest.ts';

export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** The strong validator of content that is addressed by its digest. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * What the conditions of a GET or HEAD make of content that we have.
 *
 * Call it only once the content is known to exist: a 304 for what is not there would be a lie. Dates are no condition, as
 * we send none. Docker's clients send digests without quotes, so that is taken too.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 */
export function evaluateConditions(
  { ifMatch, ifNoneMatch }: Conditions,
  digest: Digest,
): 'send' | 'not-modified' | 'failed' {
  // Strong comparison: a weak tag matches nothing.
  if (ifMatch !== undefined && !names(ifMatch, digest)) return 'failed';
  if (ifNoneMatch !== undefined && names(ifNoneMatch, digest, /^W\//)) return 'not-modified';
  return 'send';
}

/**
 * Whether a `Range` may be honoured under `If-Range`. Only a strong entity tag can match; a date never does, as we send none.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
export function rangeApplies(ifRange: string | undefined, digest: Digest): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest);
}

/** @param ignored what may stand before a tag without a difference */
function names(list: string, digest: Digest, ignored?: RegExp): boolean {
  if (list.trim() === '*') return true;
  const tags = list.split(',').map((tag) => tag.trim());
  const compared = ignored ? tags.map((tag) => tag.replace(ignored, '')) : tags;
  return compared.includes(entityTag(digest)) || compared.includes(digest);
}
