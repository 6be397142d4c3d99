import type { Digest } from './digest.ts';

/** Conditional headers of a GET or HEAD request, as received. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/**
 * The strong entity tag of content addressed by its digest: the digest in quotes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
 */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Evaluates the conditions of a GET or HEAD.
 *
 * Call it only for content that exists: a 304 must not be sent for missing content. Dates are not evaluated, because no
 * `Last-Modified` is sent. Digests without quotes are accepted, because Docker's clients send them.
 *
 * @returns `send`, `not-modified` (304) or `failed` (412)
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 */
export function evaluateConditions(
  { ifMatch, ifNoneMatch }: Conditions,
  digest: Digest,
): 'send' | 'not-modified' | 'failed' {
  // Strong comparison: a weak tag matches nothing.
  if (ifMatch !== undefined && !matches(ifMatch, digest)) return 'failed';
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, digest, /^W\//)) return 'not-modified';
  return 'send';
}

/**
 * Whether a `Range` header applies, given the request's `If-Range`. Only a strong entity tag can match: a date never does,
 * because no `Last-Modified` is sent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
export function rangeApplies(ifRange: string | undefined, digest: Digest): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest);
}

/** @param ignoredPrefix removed from each entity tag before the comparison */
function matches(list: string, digest: Digest, ignoredPrefix?: RegExp): boolean {
  if (list.trim() === '*') return true;
  const tags = list.split(',').map((tag) => tag.trim());
  const compared = ignoredPrefix ? tags.map((tag) => tag.replace(ignoredPrefix, '')) : tags;
  return compared.includes(entityTag(digest)) || compared.includes(digest);
}
