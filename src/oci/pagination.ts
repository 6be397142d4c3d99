import { RegistryError } from './errors.ts';

export interface PageRequest {
  /** Entries wanted; all, or a default of the endpoint, when absent. */
  readonly n?: number;
  /** Entries after this one. */
  readonly last?: string;
}

/**
 * An empty `n` is none, as with distribution, whose limit is Go's for an `int`.
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

/** No list is longer than the largest number that can be told from the next one. */
function parseCount(text: string): number | undefined {
  if (!/^[-+]?\d{1,100}$/.test(text)) return undefined;
  const count = BigInt(text.replace(/^\+/, ''));
  return count >= 0n && count < 2n ** 63n ? Math.min(Number(count), Number.MAX_SAFE_INTEGER) : undefined;
}

/**
 * The `Link` header that leads to the next page: relative, `rel="next"`, and with the parameters of the request kept
 * (`ns` above all), so that following it stays on the same upstream.
 *
 * @param url path and query of the request
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export function nextPageLink(url: string, next: PageRequest & { readonly last: string }): string {
  const mark = url.indexOf('?');
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
  if (next.n !== undefined) query.set('n', String(next.n));
  query.set('last', next.last);
  return `<${mark === -1 ? url : url.slice(0, mark)}?${query.toString()}>; rel="next"`;
}

export interface Page<T> {
  readonly entries: readonly T[];
  readonly next: Required<PageRequest> | undefined;
}

/**
 * One page of a sorted list.
 *
 * @param sorted in code unit order, which is what `last` is compared in
 */
export function pageOf(sorted: readonly string[], { n, last }: PageRequest): Page<string> {
  const rest = last === undefined ? sorted : sorted.filter((entry) => entry > last);
  if (n === undefined || rest.length <= n) return { entries: rest, next: undefined };
  const entries = rest.slice(0, n);
  const lastShown = entries.at(-1);
  return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
}
