import type { JSX } from 'preact';

import type { PinView } from '../../../operations/cache-control.ts';
import { call } from '../state/call.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Action } from '../view/action.tsx';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge, When } from '../view/values.tsx';

const words = texts.pins;

/** What neither expires nor is evicted. */
export function Pins(): JSX.Element {
  const pins = useResource<{ readonly pins: readonly PinView[] }>('/pins');
  const unpin = async (pattern: string) => {
    await call('/pins', { method: 'DELETE', body: { pattern } });
    void pins.reload();
    return words.removed;
  };
  return (
    <Section title={words.title}>
      <Loaded of={pins}>
        {({ pins: rows }) =>
          rows.length === 0 ? (
            <Empty>{words.none}</Empty>
          ) : (
            <Table
              caption={words.title}
              rows={rows}
              keyOf={({ pattern, from }) => `${from} ${pattern}`}
              columns={[
                { title: words.pattern, isHead: true, cell: ({ pattern }) => <Foreign text={pattern} /> },
                { title: words.from, cell: ({ from }) => <Badge>{words.origins[from]}</Badge> },
                { title: words.since, cell: ({ pinnedAt }) => <When at={pinnedAt} /> },
                {
                  title: words.remove,
                  cell: ({ pattern, from }) =>
                    from === 'command' ? (
                      <Action label={words.remove} preview={() => words.removePreview} run={() => unpin(pattern)} />
                    ) : null,
                },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
