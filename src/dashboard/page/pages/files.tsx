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

/** The files of one layer. */
export function Files({ view: { repository, parts } }: { view: ManifestView }): JSX.Element {
  const layers = parts.filter(({ kind, cached }) => kind === 'layer' && cached).map(({ digest }) => digest);
  const { layer = layers[0], prefix, cursor } = Object.fromEntries(query.value);
  const isKnown = layer !== undefined && (layers as readonly string[]).includes(layer);
  const page = useResource<LayerPage>(isKnown ? layerPath(repository, layer, { prefix, cursor }) : undefined, {
    isStatic: true,
    isKept: true,
  });
  if (!isKnown) return <Empty>{words.none}</Empty>;
  return (
    <>
      <div class="filters">
        <Choice label={words.layer} name="layer" values={layers} textOf={shortDigest} />
        <Search label={words.prefix} name="prefix" />
      </div>
      <Loaded of={page}>
        {({ files, total, bytes, truncated, cursor: next }) => (
          <>
            <p>{words.totals(formatCount(total), formatBytes(bytes))}</p>
            {truncated === undefined ? null : (
              <Notice tone="warning">
                {words.truncated} <Foreign text={truncated} />
              </Notice>
            )}
            {files.length === 0 ? <Empty>{words.noMatch}</Empty> : <FileTable files={files} />}
            <Pager next={next} />
          </>
        )}
      </Loaded>
    </>
  );
}

function FileTable({ files }: { files: readonly LayerFile[] }): JSX.Element {
  return (
    <Table
      caption={words.caption}
      rows={files.map((file, i) => ({ ...file, i }))}
      keyOf={({ i }) => String(i)}
      columns={[
        {
          title: words.path,
          isHead: true,
          cell: ({ path, link }) => (
            <>
              <Foreign text={path} />
              {link === undefined ? null : (
                <>
                  {' → '}
                  <Foreign text={link} />
                </>
              )}
            </>
          ),
        },
        { title: words.type, cell: ({ type }) => words.types[type] },
        { title: words.mode, cell: ({ mode }) => <code>{mode.toString(8).padStart(4, '0')}</code> },
        { title: words.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
        { title: words.modified, cell: ({ modifiedAt }) => <When at={modifiedAt} /> },
      ]}
    />
  );
}
