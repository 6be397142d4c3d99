import type { JSX } from 'preact';

import type { ConfigValue, ConfigView, ReplicaList } from '../../../operations/service-control.ts';
import { query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Foreign } from '../view/foreign.tsx';
import { Notice, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Choice, Search } from '../view/search.tsx';
import { Table } from '../view/table.tsx';
import { Badge, Facts, None, When } from '../view/values.tsx';

const words = texts.settings;
const SCOPES = ['changed', 'all'] as const;

/** The configuration in effect, and the processes that share it. */
export function Settings(): JSX.Element {
  const config = useResource<ConfigView>('/config', { isStatic: true });
  return (
    <Page title={words.title} intro={words.intro}>
      <Loaded of={config}>
        {({ file, warnings, values }) => (
          <>
            <Facts
              of={[
                [words.version, session.value?.version],
                [words.file, file === undefined ? words.noFile : <Foreign key="file" text={file} />],
              ]}
            />
            {warnings.map((warning) => (
              <Notice key={warning} tone="warning">
                <Foreign text={warning} />
              </Notice>
            ))}
            <Values values={values} />
          </>
        )}
      </Loaded>
      <Replicas />
    </Page>
  );
}

function Values({ values }: { values: readonly ConfigValue[] }): JSX.Element {
  const { q = '', scope = 'changed' } = Object.fromEntries(query.value);
  const shown = values.filter(({ key, origin }) => key.includes(q) && (scope === 'all' || origin !== 'default'));
  return (
    <Section title={words.values}>
      <div class="filters">
        <Search label={words.search} />
        <Choice label={words.scope} name="scope" values={SCOPES} textOf={(each) => words.scopes[each]} />
      </div>
      <Table
        caption={words.values}
        rows={shown}
        keyOf={({ key }) => key}
        columns={[
          { title: words.key, isHead: true, cell: ({ key }) => <code>{key}</code> },
          {
            title: words.value,
            cell: ({ value }) => <Foreign text={typeof value === 'string' ? value : (JSON.stringify(value) ?? '')} />,
          },
          { title: words.origin, cell: ({ origin }) => <Badge>{words.origins[origin]}</Badge> },
        ]}
      />
    </Section>
  );
}

function Replicas(): JSX.Element {
  const list = useResource<ReplicaList>('/replicas');
  return (
    <Section title={words.replicas}>
      <Loaded of={list}>
        {({ replicas }) => (
          <Table
            caption={words.replicas}
            rows={replicas}
            keyOf={({ name }) => name}
            columns={[
              { title: words.replica, isHead: true, cell: ({ name }) => <Foreign text={name} /> },
              {
                title: words.version,
                cell: ({ version }) => (version === undefined ? <None /> : <Foreign text={version} />),
              },
              { title: words.startedAt, cell: ({ startedAt }) => <When at={startedAt} /> },
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
