import { RegistryError } from './errors.ts';

export interface PageRequest {
  /** Entries wanted; all, or a default of the endpoint, when absent. */
  readonly n?: number;
  /** Entries after this one. */
  readonly last?: string;
}

/** @throws {RegistryError} `PAGINATION_NUMBER_INVALID` when `n` is not a whole number ≥ 0. */
export function parsePage(query: URLSearchParams): PageRequest {
  const n = query.get('n');
  const last = query.get('last');
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new RegistryError('PAGINATION_NUMBER_INVALID', 'n must be a whole number from 0', { detail: { n } });
  }
  return { ...(n !== null && { n: Number(n) }), ...(last !== null && { last }) };
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
