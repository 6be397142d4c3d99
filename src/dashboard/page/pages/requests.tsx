import type { JSX } from 'preact';

import type { RequestPage, RequestView } from '../../../operations/activity-control.ts';
import { withQuery } from '../state/call.ts';
import { hrefOf, query, setQuery } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatSpan, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Pager } from '../view/pager.tsx';
import { Table } from '../view/table.tsx';
import { Badge, None, When } from '../view/values.tsx';

const words = texts.requests;

/** The last requests, the newest first. @param client only those of this one; absent: of all */
export function Requests({ client }: { client: string | undefined }): JSX.Element {
  const only = query.value.get('only') ?? undefined;
  const cursor = query.value.get('cursor') ?? undefined;
  const requests = useResource<RequestPage>(withQuery('/requests', { client, only, cursor, limit: 100 }));
  return (
    <Section title={words.title}>
      <div class="filters">
        <label>
          <input
            type="checkbox"
            checked={only === 'failed'}
            onChange={(event) => setQuery({ only: event.currentTarget.checked ? 'failed' : '', cursor: '' })}
          />{' '}
          {words.onlyFailed}
        </label>
        {client === undefined ? null : (
          <span>
            {words.of} <Foreign text={client} /> · <a href={hrefOf('/clients')}>{words.ofAll}</a>
          </span>
        )}
      </div>
      <Loaded of={requests}>
        {({ requests: rows, cursor: next }) => (
          <>
            {rows.length === 0 ? <Empty>{words.none}</Empty> : <RequestTable requests={rows} />}
            <Pager next={next} />
          </>
        )}
      </Loaded>
    </Section>
  );
}

function RequestTable({ requests }: { requests: readonly RequestView[] }): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={requests}
      keyOf={(request) => JSON.stringify(request)}
      columns={[
        { title: words.at, cell: ({ at }) => <When at={at} /> },
        { title: words.client, cell: ({ client }) => (client === undefined ? <None /> : <Foreign text={client} />) },
        { title: words.request, isHead: true, cell: Target },
        { title: words.outcome, cell: Outcome },
        { title: words.bytes, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
        { title: words.duration, isNumber: true, cell: ({ durationMs }) => formatSpan(durationMs) },
      ]}
    />
  );
}

function Target({ method, endpoint, repository, reference }: RequestView): JSX.Element {
  return (
    <>
      {method} {endpoint}{' '}
      {repository === undefined ? null : <Foreign text={`${repository}${referenceOf(reference)}`} />}
    </>
  );
}

function referenceOf(reference: string | undefined): string {
  if (reference === undefined) return '';
  return reference.includes(':') ? `@${shortDigest(reference)}` : `:${reference}`;
}

function Outcome({ status, outcome, aborted, error }: RequestView): JSX.Element {
  return (
    <>
      <Badge tone={status >= 500 ? 'bad' : status >= 400 ? 'warning' : 'plain'}>{status}</Badge>{' '}
      {outcome === undefined ? null : words.outcomes(outcome)} {aborted ? words.aborted : null}{' '}
      {error ? <Foreign text={`${error.code}: ${error.message}`} maxLength={300} /> : null}
    </>
  );
}
