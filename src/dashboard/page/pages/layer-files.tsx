import type { JSX } from 'preact';

import type { LayerFile, LayerPage } from '../../../operations/layer-control.ts';
import type { ManifestView } from '../../../operations/manifest-control.ts';
import { layerPath } from '../state/paths.ts';
import { query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatCount, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Notice } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Pager } from '../view/pager.tsx';
import { Choice, Search } from '../view/search.tsx';
import { Table } from '../view/table.tsx';
import { When } from '../view/values.tsx';

const words = texts.files;

/** The files of one layer of an image. */
export function LayerFiles({ view: { repository, parts } }: { view: ManifestView }): JSX.Element {
  const layers = parts.filter(({ kind, cached }) => kind === 'layer' && cached).map(({ digest }) => digest);
  const chosen = layers.find((digest) => digest === query.value.get('layer')) ?? layers[0];
  if (chosen === undefined) return <Empty>{words.noLayers}</Empty>;
  return (
    <>
      <div class="filters">
        <Choice
          label={words.layer}
          name="layer"
          values={[...new Set(layers)]}
          textOf={(digest) => words.numbered(layers.indexOf(digest) + 1, shortDigest(digest))}
        />
        <Search label={words.search} name="prefix" />
      </div>
      <Files repository={repository} digest={chosen} />
    </>
  );
}

function Files({ repository, digest }: { repository: string; digest: string }): JSX.Element {
  const { prefix, cursor } = Object.fromEntries(query.value);
  const page = useResource<LayerPage>(layerPath(repository, digest, { prefix, cursor }), { isStatic: true });
  return (
    <Loaded of={page}>
      {({ files, total, bytes, truncated, cursor: next }) => (
        <>
          <p>{words.totals(formatCount(total), formatBytes(bytes))}</p>
          {truncated === undefined ? null : (
            <Notice tone="warning">
              {words.truncated} <Foreign text={truncated} />
            </Notice>
          )}
          {files.length === 0 ? <Empty>{words.none}</Empty> : <FileTable files={files} />}
          <Pager next={next} />
        </>
      )}
    </Loaded>
  );
}

function FileTable({ files }: { files: readonly LayerFile[] }): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={files.map((file, i) => ({ ...file, i }))}
      keyOf={({ i }) => String(i)}
      columns={[
        { title: words.mode, cell: ({ mode }) => <code>{mode.toString(8).padStart(4, '0')}</code> },
        { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
        { title: words.path, isHead: true, cell: Path },
        { title: words.type, cell: ({ type }) => words.types[type] },
        { title: words.modified, cell: ({ modifiedAt }) => <When at={modifiedAt} /> },
      ]}
    />
  );
}

function Path({ path, link }: LayerFile): JSX.Element {
  return (
    <>
      <Foreign text={path} />
      {link === undefined ? null : (
        <>
          {' → '}
          <Foreign text={link} />
        </>
      )}
    </>
  );
}
