import type { JSX } from 'preact';

import type { RepositoryPage, RepositoryView } from '../../../operations/repository-control.ts';
import { withQuery } from '../state/call.ts';
import { hrefOf, path, query } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { type Selection, useSelection } from '../state/selection.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatCount } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Pager } from '../view/pager.tsx';
import { Choice, Search } from '../view/search.tsx';
import { type Column, Table } from '../view/table.tsx';
import { None, When } from '../view/values.tsx';
import { ChosenActions } from './chosen-actions.tsx';
import { ChoiceBox } from './choice-box.tsx';
import { Image } from './image.tsx';
import { RepositoryState } from './repository-state.tsx';
import { Repository } from './repository.tsx';

const words = texts.images;
const ORDERS = ['name', 'used', 'size'] as const;

/** All repositories, one of them, or one of its images. */
export function Images(): JSX.Element {
  const name = path.value.split('/').slice(2).join('/');
  const [, repository, separator, reference] = /^([^@:]+)([@:])(.+)$/.exec(name) ?? [];
  if (repository !== undefined && reference !== undefined)
    return <Image repository={repository} reference={reference} isTag={separator === ':'} />;
  return name === '' ? <RepositoryList /> : <Repository name={name} />;
}

function RepositoryList(): JSX.Element {
  const { q, sort = 'name', upstream, cursor } = Object.fromEntries(query.value);
  const at = withQuery('/repositories', { query: q, sort, upstream, cursor, limit: 100 });
  const list = useResource<RepositoryPage>(at, { isKept: true });
  const selection = useSelection(at);
  return (
    <Page title={words.title} intro={words.intro}>
      <div class="filters">
        <Search label={words.search} />
        <Choice label={words.sort} name="sort" values={ORDERS} textOf={(order) => words.orders[order]} />
      </div>
      <Loaded of={list}>
        {({ repositories, totals, cursor: next }) => (
          <>
            {totals ? <p>{words.totals(formatCount(totals.repositories), formatBytes(totals.bytes))}</p> : null}
            <ChosenActions selection={selection} onDone={() => void list.reload()} />
            {repositories.length === 0 && next === undefined ? <NoImages isFiltered={Boolean(q)} /> : null}
            {repositories.length === 0 ? null : <RepositoryTable repositories={repositories} selection={selection} />}
            <Pager next={next} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function NoImages({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  if (isFiltered) return <Empty>{words.noMatch}</Empty>;
  return (
    <Empty>
      {words.none} <a href={hrefOf('/setup')}>{texts.overview.setUp}</a>
    </Empty>
  );
}

interface RepositoryTableProps {
  readonly repositories: readonly RepositoryView[];
  readonly selection: Selection;
}

function RepositoryTable({ repositories, selection }: RepositoryTableProps): JSX.Element {
  const choice: Column<RepositoryView> = {
    title: words.choose,
    cell: ({ name }) => <ChoiceBox name={name} selection={selection} />,
  };
  return (
    <Table
      caption={words.caption}
      rows={repositories}
      keyOf={({ name }) => name}
      columns={[...(session.value?.isAdmin ? [choice] : []), ...COLUMNS]}
    />
  );
}

const COLUMNS: readonly Column<RepositoryView>[] = [
  {
    title: words.repository,
    isHead: true,
    cell: ({ name }) => (
      <a href={hrefOf(`/images/${name}`)}>
        <Foreign text={name} />
      </a>
    ),
  },
  { title: words.state, cell: (repository) => <RepositoryState repository={repository} /> },
  { title: words.tags, isNumber: true, cell: tagCount },
  { title: words.size, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
  { title: words.used, cell: ({ lastUsedAt }) => <When at={lastUsedAt} /> },
];

function tagCount({ tags, moreTags }: RepositoryView): JSX.Element {
  if (tags === undefined) return <None />;
  return <>{moreTags ? words.atLeast(formatCount(tags)) : formatCount(tags)}</>;
}
