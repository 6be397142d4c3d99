import type { JSX } from 'preact';

import type { ReferrerList, ReferrerView } from '../../../operations/manifest-control.ts';
import { referrersPath } from '../state/paths.ts';
import { hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, shortDigest } from '../view/format.ts';
import { Foreign, ForeignLink } from '../view/foreign.tsx';
import { Empty, Notice } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge } from '../view/values.tsx';

const words = texts.referrers;

/** Signatures, SBOMs and others that are attached to a manifest. */
export function Referrers({ repository, digest }: { repository: string; digest: string }): JSX.Element {
  const list = useResource<ReferrerList>(referrersPath(repository, digest), { isStatic: true });
  return (
    <Loaded of={list}>
      {({ source, referrers, truncated }) => (
        <>
          {source === 'cache' ? <Notice>{words.onlyCached}</Notice> : null}
          {referrers.length === 0 ? (
            <Empty>{words.none}</Empty>
          ) : (
            <ReferrerTable repository={repository} referrers={referrers} />
          )}
          {truncated ? <p>{words.more}</p> : null}
        </>
      )}
    </Loaded>
  );
}

function ReferrerTable({
  repository,
  referrers,
}: {
  repository: string;
  referrers: readonly ReferrerView[];
}): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={referrers}
      keyOf={({ digest }) => digest}
      columns={[
        { title: words.kind, cell: ({ kind }) => <Badge>{words.kinds[kind]}</Badge> },
        {
          title: words.digest,
          isHead: true,
          cell: ({ digest, cached }) => {
            const text = <code title={digest}>{shortDigest(digest)}</code>;
            return cached ? <a href={hrefOf(`/images/${repository}@${digest}`)}>{text}</a> : text;
          },
        },
        {
          title: words.type,
          cell: ({ artifactType, mediaType }) => <Foreign text={artifactType ?? mediaType} maxLength={200} />,
        },
        { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
        { title: words.annotations, cell: Annotations },
      ]}
    />
  );
}

function Annotations({ annotations }: ReferrerView): JSX.Element {
  return (
    <details>
      <summary>{words.annotationCount(Object.keys(annotations).length)}</summary>
      <ul>
        {Object.entries(annotations).map(([name, text]) => (
          <li key={name}>
            <Foreign text={name} maxLength={200} />: <ForeignLink text={text} />
          </li>
        ))}
      </ul>
    </details>
  );
}
