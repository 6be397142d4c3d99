import { RegistryError } from './errors.ts';

/** The page of a list that a client requests. */
export interface PageRequest {
  /** Maximum number of entries. Absent: all, or the endpoint's default. */
  readonly n?: number;
  /** The page starts after this entry. Absent for the first page. */
  readonly last?: string;
}

/**
 * Parses the parameters `n` and `last`. As in distribution, an empty `n` counts as absent, and the limit is that of Go's `int`.
 *
 * @throws {RegistryError} `PAGINATION_NUMBER_INVALID` when `n` is not a whole number from 0 to 2⁶³ - 1
 */
export function parsePage(query: URLSearchParams): PageRequest {
  const text = query.get('n') || undefined;
  const last = query.get('last');
  const n = text === undefined ? undefined : parseCount(text);
  if (text !== undefined && n === undefined) {
    const message = 'n must be a whole number from 0 to 9223372036854775807';
    throw new RegistryError('PAGINATION_NUMBER_INVALID', message, { detail: { n: text.slice(0, 100) } });
  }
  return { ...(n !== undefined && { n }), ...(last !== null && { last }) };
}

/** Larger numbers become the largest safe integer, which no list reaches. */
function parseCount(text: string): number | undefined {
  if (!/^[-+]?\d{1,100}$/.test(text)) return undefined;
  const count = BigInt(text.replace(/^\+/, ''));
  return count >= 0n && count < 2n ** 63n ? Math.min(Number(count), Number.MAX_SAFE_INTEGER) : undefined;
}

/**
 * The `Link` header for the next page: relative, `rel="next"`. It keeps the parameters of the request, above all `ns`, so
 * that the next page comes from the same upstream.
 *
 * @param url path and query of the request
 * @param next the position of the next page
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export function nextPageLink(url: string, next: PageRequest & { readonly last: string }): string {
  const mark = url.indexOf('?');
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
  if (next.n !== undefined) query.set('n', String(next.n));
  query.set('last', next.last);
  return `<${mark === -1 ? url : url.slice(0, mark)}?${query.toString()}>; rel="next"`;
}

/** A page of a list. */
export interface Page<T> {
  readonly entries: readonly T[];
  /** Absent on the last page. */
  readonly next: Required<PageRequest> | undefined;
}

/**
 * One page of a sorted list.
 *
 * @param sorted in code unit order, in which `last` is compared
 */
export function pageOf(sorted: readonly string[], { n, last }: PageRequest): Page<string> {
  const rest = last === undefined ? sorted : sorted.filter((entry) => entry > last);
  if (n === undefined || rest.length <= n) return { entries: rest, next: undefined };
  const entries = rest.slice(0, n);
  const lastShown = entries.at(-1);
  return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
}
