import type { JSX } from 'preact';

import type { UpstreamView } from '../../../operations/upstream-control.ts';
import { path } from '../state/place.ts';
import { type Resource, useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Facts, When } from '../view/values.tsx';
import { AccountTable, EndpointTable } from './upstream-tables.tsx';
import { UpstreamActions } from './upstream-actions.tsx';

const words = texts.upstreams;

interface UpstreamList {
  readonly upstreams: readonly UpstreamView[];
}

/** All upstreams, or at `/upstreams/<name>` one of them. */
export function Upstreams(): JSX.Element {
  const list = useResource<UpstreamList>('/upstreams', { events: ['breaker'] });
  const name = path.value.split('/').slice(2).join('/');
  const isWanted = (upstream: UpstreamView) => name === '' || upstream.name === name;
  return (
    <Page title={name === '' ? words.title : name} heading={name === '' ? words.title : <Foreign text={name} />}>
      <Loaded of={list}>
        {({ upstreams }) => {
          const wanted = upstreams.filter(isWanted);
          if (wanted.length === 0) return <Empty>{words.none}</Empty>;
          return wanted.map((upstream) => <Upstream key={upstream.name} upstream={upstream} list={list} />);
        }}
      </Loaded>
    </Page>
  );
}

function Upstream({ upstream, list }: { upstream: UpstreamView; list: Resource<UpstreamList> }): JSX.Element {
  const { name, remote, endpoints, budget, offlineUntil } = upstream;
  return (
    <Section title={name}>
      <Facts
        of={[
          [words.remote, <Foreign key="remote" text={remote} />],
          [words.offlineUntil, offlineUntil === undefined ? undefined : <When key="until" at={offlineUntil} />],
        ]}
      />
      <EndpointTable upstream={name} endpoints={endpoints} />
      <AccountTable upstream={name} accounts={budget} />
      <UpstreamActions upstream={upstream} onDone={() => void list.reload()} />
    </Section>
  );
}
