import type { JSX } from 'preact';

import type { ClientList, ClientView } from '../../../operations/activity-control.ts';
import { hrefOf, query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatCount, formatPercent } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge, None, When } from '../view/values.tsx';
import { Requests } from './requests.tsx';

const words = texts.clients;

/** Who uses the cache, and their last requests. */
export function Clients(): JSX.Element {
  const clients = useResource<ClientList>('/clients');
  const client = query.value.get('client') ?? undefined;
  return (
    <Page title={words.title} intro={words.intro}>
      <Section title={words.list}>
        <Loaded of={clients}>
          {({ clients: rows, detail }) => {
            if (detail === 'off') return <Empty>{words.notKept}</Empty>;
            return rows.length === 0 ? <Empty>{words.none}</Empty> : <ClientTable clients={rows} />;
          }}
        </Loaded>
      </Section>
      <Requests client={client} />
    </Page>
  );
}

function ClientTable({ clients }: { clients: readonly ClientView[] }): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={clients}
      keyOf={({ client }) => client}
      columns={[
        { title: words.client, isHead: true, cell: ClientName },
        {
          title: words.agent,
          cell: ({ agent }) => (agent === undefined ? <None /> : <Foreign text={agent} maxLength={60} />),
        },
        { title: words.namedBy, cell: namedBy },
        { title: words.pulls, isNumber: true, cell: ({ pulls }) => formatCount(pulls) },
        {
          title: words.hits,
          isNumber: true,
          cell: ({ pulls, hits }) => (pulls === 0 ? texts.none : formatPercent(hits / pulls)),
        },
        { title: words.bytes, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
        { title: words.errors, isNumber: true, cell: ({ errors }) => formatCount(errors) },
        { title: words.last, cell: ({ lastAt }) => <When at={lastAt} /> },
      ]}
    />
  );
}

function ClientName({ client, isUser, pulls, pings }: ClientView): JSX.Element {
  return (
    <>
      <a href={hrefOf('/clients', { client })}>
        <Foreign text={client} />
      </a>{' '}
      {isUser ? <Badge>{words.user}</Badge> : null}{' '}
      {pulls === 0 && pings > 0 ? <Badge tone="warning">{words.neverPulls}</Badge> : null}
    </>
  );
}

function namedBy({ namedBy: forms }: ClientView): string {
  const used = (['ns', 'prefix', 'host', 'default'] as const).filter((form) => (forms[form] ?? 0) > 0);
  return used.map((form) => words.forms[form]).join(', ') || texts.none;
}
