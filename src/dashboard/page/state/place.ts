import { computed, signal } from '@preact/signals';

/** Scripts are in `assets/` of the dashboard, so that its own address follows from that of a script, below any prefix. */
const ROOT = new URL('..', new URL(import.meta.url).href);

export const API_ROOT = new URL('../admin/api/v1', ROOT).href;

/** The pages that a browser shows, as the part of its URL below the dashboard. */
const href = signal(location.href);

window.addEventListener('popstate', () => (href.value = location.href));

/** Such as `/images/docker.io/library/alpine`. */
export const path = computed(() => {
  const { pathname } = new URL(href.value);
  return `/${decoded(pathname.slice(ROOT.pathname.length)).replace(/\/$/, '')}`;
});

export const query = computed(() => new URL(href.value).searchParams);

/** Values that are left out of the query. */
type Query = Readonly<Record<string, string | undefined>>;

/** @param to path of a page, such as `/fills` */
export function hrefOf(to: string, parameters: Query = {}): string {
  const segments = to.slice(1).split('/').map(encoded).join('/');
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = new URLSearchParams(given).toString();
  return `${ROOT.pathname}${segments}${text === '' ? '' : `?${text}`}`;
}

export function go(target: string): void {
  history.pushState(undefined, '', target);
  href.value = location.href;
}

/** Changes values of the query, which have the state of the page. Others stay. */
export function setQuery(changes: Query, { replace = false } = {}): void {
  const now = Object.fromEntries(query.value);
  const target = hrefOf(path.value, { ...now, ...changes });
  if (replace) history.replaceState(undefined, '', target);
  else history.pushState(undefined, '', target);
  href.value = location.href;
}

/** Links to pages of the dashboard load nothing. */
export function followLinks(): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || event.defaultPrevented || event.button !== 0 || link.target !== '') return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const { origin, pathname, hash } = new URL(link.href);
    if (origin !== location.origin || !pathname.startsWith(ROOT.pathname) || hash !== '') return;
    event.preventDefault();
    go(link.href);
  });
}

function encoded(segment: string): string {
  return encodeURIComponent(segment).replaceAll('%40', '@').replaceAll('%3A', ':');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
