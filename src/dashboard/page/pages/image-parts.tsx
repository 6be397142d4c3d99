import type { JSX } from 'preact';

import type { ManifestPart, ManifestPlatform, ManifestView } from '../../../operations/manifest-control.ts';
import { hrefOf, path } from '../state/place.ts';
import { texts } from '../texts.ts';
import { formatBytes, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty } from '../view/frame.tsx';
import { Table } from '../view/table.tsx';
import { Badge, None } from '../view/values.tsx';

const words = texts.image;

/** The manifests of an index. */
export function Platforms({ view: { repository, platforms } }: { view: ManifestView }): JSX.Element {
  return (
    <Table
      caption={words.tabs.platforms}
      rows={platforms}
      keyOf={({ digest, platform }) => `${platform} ${digest}`}
      columns={[
        { title: words.platform, isHead: true, cell: (row) => <PlatformName row={row} repository={repository} /> },
        { title: words.digest, cell: ({ digest }) => <code title={digest}>{shortDigest(digest)}</code> },
        { title: words.state, cell: Cached },
        { title: words.stored, isNumber: true, cell: ({ storedSize }) => formatBytes(storedSize) },
        { title: words.mediaType, cell: ({ mediaType }) => <Foreign text={mediaType} maxLength={120} /> },
      ]}
    />
  );
}

function PlatformName({ row, repository }: { row: ManifestPlatform; repository: string }): JSX.Element {
  const { platform, digest, attestationOf, cached } = row;
  const text = attestationOf === undefined ? platform : words.attestationOf(shortDigest(attestationOf));
  if (!cached) return <Foreign text={text} />;
  return (
    <a href={hrefOf(`/images/${repository}@${digest}`)}>
      <Foreign text={text} />
    </a>
  );
}

function Cached({ cached }: { cached: boolean }): JSX.Element {
  return cached ? <Badge tone="good">{words.cached}</Badge> : <Badge>{words.notCached}</Badge>;
}

/** Config and layers, with the command that made each layer. */
export function Layers({ view: { parts, config } }: { view: ManifestView }): JSX.Element {
  const commands = new Map(config?.history.map(({ layer, createdBy }) => [layer, createdBy]));
  return (
    <Table
      caption={words.tabs.layers}
      rows={parts.map((part, i) => ({ ...part, i }))}
      keyOf={({ i }) => String(i)}
      columns={[
        { title: words.number, isNumber: true, cell: ({ i, kind }) => (kind === 'config' ? words.config : i) },
        { title: words.digest, isHead: true, cell: LayerDigest },
        { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
        { title: words.state, cell: Cached },
        {
          title: words.command,
          cell: ({ digest }) => {
            const command = commands.get(digest);
            return command === undefined ? <None /> : <Foreign text={command} maxLength={400} />;
          },
        },
        { title: words.sharedWith, isNumber: true, cell: ({ sharedWith }) => sharedWith.length },
        { title: words.mediaType, cell: ({ mediaType }) => <Foreign text={mediaType} maxLength={120} /> },
      ]}
    />
  );
}

/** Leads to its files. */
function LayerDigest({ kind, digest, cached }: ManifestPart): JSX.Element {
  const text = <code title={digest}>{shortDigest(digest)}</code>;
  return kind === 'layer' && cached ? <a href={hrefOf(path.value, { tab: 'files', layer: digest })}>{text}</a> : text;
}

/** Other repositories that have parts of the image. */
export function UsedBy({ view: { parts } }: { view: ManifestView }): JSX.Element {
  const shared = parts.filter(({ sharedWith }) => sharedWith.length > 0);
  if (shared.length === 0) return <Empty>{words.notShared}</Empty>;
  return (
    <Table
      caption={words.tabs.usedBy}
      rows={shared}
      keyOf={({ digest }) => digest}
      columns={[
        { title: words.digest, isHead: true, cell: ({ digest }) => <code title={digest}>{shortDigest(digest)}</code> },
        { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
        {
          title: words.sharedWith,
          cell: ({ sharedWith }) =>
            sharedWith.map((name) => (
              <span key={name} class="part">
                <a href={hrefOf(`/images/${name}`)}>
                  <Foreign text={name} />
                </a>
              </span>
            )),
        },
      ]}
    />
  );
}
