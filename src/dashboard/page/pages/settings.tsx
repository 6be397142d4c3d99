import type { JSX } from 'preact';

import type { ConfiguredKey, ConfigView } from '../../../operations/service-control.ts';
import { query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { Foreign, ForeignBlock } from '../view/foreign.tsx';
import { Empty, Notice, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Search } from '../view/search.tsx';
import { Table } from '../view/table.tsx';
import { Badge, Facts } from '../view/values.tsx';

const words = texts.settings;
/** The server bounds it. UTF-16 units. */
const MAX_LENGTH = 600_000;

/** The configuration in effect, and where it is from. */
export function Settings(): JSX.Element {
  const config = useResource<ConfigView>('/config', { isStatic: true });
  return (
    <Page title={words.title} intro={words.intro}>
      <Loaded of={config}>
        {(view) => (
          <>
            <Facts
              of={[
                [words.version, session.value?.version],
                [words.source, <Foreign key="source" text={view.source} />],
              ]}
            />
            <Notices view={view} />
            <Keys keys={view.keys} />
            <InEffect config={view.config} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Notices({ view: { warnings, notices, pendingRestart } }: { view: ConfigView }): JSX.Element {
  return (
    <>
      {pendingRestart.length === 0 ? null : (
        <Notice tone="warning">
          {words.pendingRestart} <Foreign text={pendingRestart.join(', ')} />
        </Notice>
      )}
      {warnings.map((warning) => (
        <Notice key={warning} tone="warning">
          <Foreign text={warning} />
        </Notice>
      ))}
      {notices.map((notice) => (
        <Notice key={notice}>
          <Foreign text={notice} />
        </Notice>
      ))}
    </>
  );
}

function Keys({ keys }: { keys: readonly ConfiguredKey[] }): JSX.Element {
  const wanted = query.value.get('q') ?? '';
  const shown = keys.filter(({ key }) => key.includes(wanted));
  return (
    <Section title={words.keys}>
      <div class="filters">
        <Search label={words.search} />
      </div>
      {shown.length === 0 ? (
        <Empty>{words.noKeys}</Empty>
      ) : (
        <Table
          caption={words.keys}
          rows={shown}
          keyOf={({ key }) => key}
          columns={[
            { title: words.key, isHead: true, cell: ({ key }) => <Foreign text={key} /> },
            { title: words.origin, cell: ({ origin }) => <Badge>{words.origins[origin]}</Badge> },
            { title: words.where, cell: ({ where }) => <Foreign text={where} /> },
          ]}
        />
      )}
    </Section>
  );
}

function InEffect({ config }: { config: ConfigView['config'] }): JSX.Element {
  return (
    <Section title={words.inEffect}>
      <div class="code">
        <pre tabIndex={0} role="group" aria-label={words.inEffect}>
          <ForeignBlock text={JSON.stringify(config, null, 2)} maxLength={MAX_LENGTH} />
        </pre>
      </div>
    </Section>
  );
}
