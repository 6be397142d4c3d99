import type { JSX } from 'preact';

import type { AccountView, EndpointView } from '../../../operations/upstream-control.ts';
import { texts } from '../texts.ts';
import { formatCount } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Table } from '../view/table.tsx';
import { Badge, Meter, None, When } from '../view/values.tsx';
import { UpstreamState } from './upstream-summaries.tsx';

const words = texts.upstreams;

export function EndpointTable({
  upstream,
  endpoints,
}: {
  upstream: string;
  endpoints: readonly EndpointView[];
}): JSX.Element {
  return (
    <Table
      caption={words.endpointsOf(upstream)}
      rows={endpoints}
      keyOf={({ host }) => host}
      columns={[
        {
          title: words.host,
          isHead: true,
          cell: ({ host, isMirror }) => (
            <>
              <Foreign text={host} /> {isMirror ? <Badge>{words.mirror}</Badge> : null}
            </>
          ),
        },
        {
          title: words.state,
          cell: (endpoint) => <UpstreamState upstream={{ ...endpoint, failing: failingOf(endpoint) }} />,
        },
        { title: words.reason, cell: ({ reason }) => (reason === undefined ? <None /> : <Foreign text={reason} />) },
        { title: words.retry, cell: ({ retryAt }) => <When at={retryAt} /> },
        { title: words.lastOk, cell: ({ lastOkAt }) => <When at={lastOkAt} /> },
        { title: words.lastError, cell: LastError },
      ]}
    />
  );
}

/** A host that has only failed, before its breaker opens. */
function failingOf({ lastOkAt, lastError }: EndpointView) {
  return lastOkAt === undefined ? lastError?.kind : undefined;
}

function LastError({ lastError }: EndpointView): JSX.Element {
  if (!lastError) return <None />;
  return (
    <>
      <Foreign text={`${lastError.operation}: ${lastError.kind}`} /> <When at={lastError.at} />
    </>
  );
}

export function AccountTable({
  upstream,
  accounts,
}: {
  upstream: string;
  accounts: readonly AccountView[];
}): JSX.Element {
  return (
    <Table
      caption={words.accountsOf(upstream)}
      rows={accounts}
      keyOf={({ account }) => account}
      columns={[
        { title: words.account, isHead: true, cell: ({ account }) => <Foreign text={account} /> },
        { title: words.credentials, cell: ({ credentials }) => credentials.join(', ') || <None /> },
        { title: words.pullsLeft, cell: PullsLeft },
        { title: words.emptyAt, cell: ({ emptyAt }) => <When at={emptyAt} /> },
        { title: words.nextAt, cell: ({ nextAt }) => <When at={nextAt} /> },
        { title: words.trouble, cell: ({ trouble }) => (trouble ? <Foreign text={trouble.reason} /> : <None />) },
      ]}
    />
  );
}

function PullsLeft({ left, limit }: AccountView): JSX.Element {
  if (left === undefined || limit === undefined) return <>{words.unlimited}</>;
  const text = words.leftOf(formatCount(left), formatCount(limit));
  return (
    <>
      <Meter share={limit === 0 ? 0 : left / limit} label={text} /> {text}
    </>
  );
}
