import type { Digest } from './digest.ts';

/** The strong validator of content that is addressed by its digest. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Whether `If-None-Match` names what we would send. Docker's clients send the digest without quotes, so that is taken too.
 *
 * Call it only once the content is known to exist: a 304 for what is not there would be a lie.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
 */
export function matchesEntityTag(ifNoneMatch: string | undefined, digest: Digest): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => unquote(tag.trim().replace(/^W\//, '')) === digest);
}

/**
 * Whether a `Range` may be honoured under `If-Range`. Only a strong entity tag can match; a date never does, as we send none.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
export function rangeApplies(ifRange: string | undefined, digest: Digest): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest);
}

function unquote(tag: string): string {
  return tag.length >= 2 && tag.startsWith('"') && tag.endsWith('"') ? tag.slice(1, -1) : tag;
}
