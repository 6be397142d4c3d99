import type { JSX } from 'preact';

import type { ManifestView } from '../../../operations/manifest-control.ts';
import { manifestPath } from '../state/paths.ts';
import { hrefOf, query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Notice, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Badge, None } from '../view/values.tsx';
import { compareLayers, compareSettings, type LayerChange } from './image-changes.ts';

const words = texts.compare;

/** Two images: which layers they share, and which settings differ. */
export function Compare(): JSX.Element {
  const names = [query.value.get('a') ?? '', query.value.get('b') ?? ''] as const;
  const a = useResource<ManifestView>(pathOf(names[0]), { isStatic: true });
  const b = useResource<ManifestView>(pathOf(names[1]), { isStatic: true });
  return (
    <Page title={words.title}>
      <ul class="rows">
        {names.map((name, i) => (
          <li key={i}>
            {i === 0 ? words.from : words.to}{' '}
            <a href={hrefOf(`/images/${name}`)}>
              <Foreign text={name} />
            </a>
          </li>
        ))}
      </ul>
      <Loaded of={a}>{(from) => <Loaded of={b}>{(to) => <Changes from={from} to={to} />}</Loaded>}</Loaded>
    </Page>
  );
}

/** Absent for a text that is not the name of an image. */
function pathOf(name: string): string | undefined {
  const [, repository, reference] = /^([^@:]+)[@:](.+)$/.exec(name) ?? [];
  return repository === undefined || reference === undefined ? undefined : manifestPath(repository, reference);
}

const TONES = { kept: 'plain', added: 'good', removed: 'bad' } as const;

function Changes({ from, to }: { from: ManifestView; to: ManifestView }): JSX.Element {
  if (from.digest === to.digest) return <Notice tone="good">{words.same}</Notice>;
  if (from.structure === 'index' || to.structure === 'index') return <Notice>{words.indexes}</Notice>;
  const layers = compareLayers(from, to);
  const settings = compareSettings(from, to);
  const sizeOf = (change: LayerChange['change']) =>
    formatBytes(layers.filter((layer) => layer.change === change).reduce((sum, { size }) => sum + size, 0));
  return (
    <>
      <Section title={words.layers}>
        <p>{words.sizes(sizeOf('kept'), sizeOf('added'), sizeOf('removed'))}</p>
        <Table
          caption={words.layers}
          rows={layers}
          keyOf={({ digest, change, i }) => `${change} ${i} ${digest}`}
          columns={[
            { title: words.change, cell: ({ change }) => <Badge tone={TONES[change]}>{words.changes[change]}</Badge> },
            {
              title: words.digest,
              isHead: true,
              cell: ({ digest }) => <code title={digest}>{shortDigest(digest)}</code>,
            },
            { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
          ]}
        />
      </Section>
      <Section title={words.settings}>
        {settings.length === 0 ? (
          <Empty>{words.noSettings}</Empty>
        ) : (
          <Table
            caption={words.settings}
            rows={settings}
            keyOf={({ name }) => name}
            columns={[
              { title: words.name, isHead: true, cell: ({ name }) => <Foreign text={name} maxLength={200} /> },
              {
                title: words.from,
                cell: (row) => (row.from === undefined ? <None /> : <Foreign text={row.from} maxLength={400} />),
              },
              {
                title: words.to,
                cell: (row) => (row.to === undefined ? <None /> : <Foreign text={row.to} maxLength={400} />),
              },
            ]}
          />
        )}
      </Section>
    </>
  );
}
