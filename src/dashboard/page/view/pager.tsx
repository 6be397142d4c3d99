import type { JSX } from 'preact';

import { query, setQuery } from '../state/place.ts';
import { texts } from '../texts.ts';

/** Pages of a list by the server. The cursor of the current one is in the URL. @param next absent on the last page */
export function Pager({ next }: { next: string | undefined }): JSX.Element | null {
  const isFirst = !query.value.has('cursor');
  if (isFirst && next === undefined) return null;
  return (
    <nav class="pager" aria-label={texts.pager.title}>
      <button type="button" disabled={isFirst} onClick={() => setQuery({ cursor: '' })}>
        {texts.pager.first}
      </button>
      <button type="button" disabled={next === undefined} onClick={() => setQuery({ cursor: next })}>
        {texts.pager.next}
      </button>
    </nav>
  );
}
