import type { JSX } from 'preact';

import type { TagHistoryView } from '../../../operations/policy-control.ts';
import { withQuery } from '../state/call.ts';
import { hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { shortDigest } from '../view/format.ts';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge, When } from '../view/values.tsx';

const words = texts.tagHistory;

/** What a tag of an upstream has named, the newest first. */
export function TagHistory({ repository, tag }: { repository: string; tag: string }): JSX.Element {
  const history = useResource<TagHistoryView>(withQuery('/tag-history', { name: `${repository}:${tag}` }));
  return (
    <Loaded of={history}>
      {({ digests }) => (
        <Table
          caption={words.caption}
          rows={digests.toReversed()}
          keyOf={({ digest, firstSeen }) => `${digest} ${firstSeen}`}
          columns={[
            {
              title: words.digest,
              isHead: true,
              cell: ({ digest }) => (
                <a href={hrefOf(`/images/${repository}@${digest}`)}>
                  <code title={digest}>{shortDigest(digest)}</code>
                </a>
              ),
            },
            { title: words.firstSeen, cell: ({ firstSeen }) => <When at={firstSeen} /> },
            { title: words.lastConfirmed, cell: ({ lastConfirmed }) => <When at={lastConfirmed} /> },
            {
              title: words.gone,
              cell: ({ gone }) =>
                gone === undefined ? <Badge tone="good">{words.current}</Badge> : <When at={gone} />,
            },
          ]}
        />
      )}
    </Loaded>
  );
}
