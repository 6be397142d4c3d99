import type { JSX } from 'preact';

import type { FillView } from '../../../operations/fill-control.ts';
import { hrefOf } from '../state/place.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatSpan, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { type Column, Table } from '../view/table.tsx';
import { Meter, When } from '../view/values.tsx';

const words = texts.fills;

/** Blobs that are being fetched. @param more columns behind the others */
export function FillTable({
  fills,
  more = [],
}: {
  fills: readonly FillView[];
  more?: readonly Column<FillView>[];
}): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={fills}
      keyOf={({ digest, upstream }) => `${upstream} ${digest}`}
      columns={[...COLUMNS, ...more]}
    />
  );
}

const COLUMNS: readonly Column<FillView>[] = [
  { title: words.repository, isHead: true, cell: Repositories },
  { title: words.digest, cell: ({ digest }) => <code title={digest}>{shortDigest(digest)}</code> },
  { title: words.progress, cell: Progress },
  { title: words.speed, isNumber: true, cell: ({ bytesPerSecond }) => words.perSecond(formatBytes(bytesPerSecond)) },
  { title: words.left, isNumber: true, cell: timeLeft },
  { title: words.clients, isNumber: true, cell: ({ waiters }) => waiters },
  { title: words.started, cell: ({ startedAt }) => <When at={startedAt} /> },
];

function Repositories({ repositories, upstream }: FillView): JSX.Element {
  const [first, ...others] = repositories;
  if (first === undefined) return <Foreign text={upstream} />;
  return (
    <>
      <a href={hrefOf(`/images/${first}`)}>
        <Foreign text={first} />
      </a>
      {others.length > 0 ? ` ${texts.andOthers(others.length)}` : null}
    </>
  );
}

function Progress({ state, size, written, resumedFrom }: FillView): JSX.Element {
  if (state === 'waiting') return <>{words.waiting}</>;
  const amount = size === undefined ? formatBytes(written) : words.of(formatBytes(written), formatBytes(size));
  return (
    <>
      {size === undefined ? null : <Meter share={size === 0 ? 1 : written / size} label={amount} />} {amount}
      {resumedFrom === undefined ? null : ` ${words.resumed(formatBytes(resumedFrom))}`}
    </>
  );
}

function timeLeft({ size, written, bytesPerSecond }: FillView): string {
  if (size === undefined || bytesPerSecond === 0) return texts.none;
  return formatSpan(Math.max(1_000, ((size - written) / bytesPerSecond) * 1_000));
}
