import type { JSX } from 'preact';

import type { CancelledFills, FillList, FillView } from '../../../operations/fill-control.ts';
import { call } from '../state/call.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { Empty, Page } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import type { Column } from '../view/table.tsx';
import { FillTable } from './fill-table.tsx';

const words = texts.fills;

/** Blobs that are being fetched, live. */
export function Fills(): JSX.Element {
  const fills = useResource<FillList>('/fills', { events: ['fills'], apply: (_type, event) => event as FillList });
  const cancel: Column<FillView> = {
    title: words.cancel,
    cell: ({ digest, waiters }) => (
      <Action
        label={words.cancel}
        isDanger
        preview={() => words.cancelPreview(waiters)}
        run={async () => {
          const { cancelled } = await call<CancelledFills>(`/fills/${digest}`, { method: 'DELETE' });
          void fills.reload();
          return words.cancelled(cancelled);
        }}
      />
    ),
  };
  return (
    <Page title={words.title} intro={words.intro}>
      <Loaded of={fills}>
        {({ fills: rows, total }) => (
          <>
            {rows.length === 0 ? <Empty>{words.none}</Empty> : <FillTable fills={rows} more={[cancel]} />}
            {total > rows.length ? <p>{words.more(total - rows.length)}</p> : null}
          </>
        )}
      </Loaded>
    </Page>
  );
}
