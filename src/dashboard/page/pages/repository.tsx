import type { JSX } from 'preact';

import type { RepositoryView, TagPage, TagView } from '../../../operations/repository-control.ts';
import { hrefOf, query, setQuery } from '../state/place.ts';
import { tagsPath } from '../state/paths.ts';
import { useResource } from '../state/resource.ts';
import { type Selection, useSelection } from '../state/selection.ts';
import { session } from '../state/session.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatCount, shortDigest } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Pager } from '../view/pager.tsx';
import { Search } from '../view/search.tsx';
import { type Column, Table } from '../view/table.tsx';
import { Badge, Facts, None, When } from '../view/values.tsx';
import { ChosenActions } from './chosen-actions.tsx';
import { ChoiceBox } from './choice-box.tsx';
import { PullCommands } from './pull-commands.tsx';
import { RepositoryState } from './repository-state.tsx';

const words = texts.repository;

/** One repository with its tags. */
export function Repository({ name }: { name: string }): JSX.Element {
  const { q, all, cursor } = Object.fromEntries(query.value);
  const at = tagsPath(name, { query: q, all: all === 'true' || undefined, cursor, limit: 100 });
  const page = useResource<TagPage>(at, { isKept: true });
  const selection = useSelection(at);
  return (
    <Page title={name} heading={<Foreign text={name} />}>
      <Loaded of={page}>
        {({ repository, tags, cursor: next }) => (
          <>
            <RepositoryFacts repository={repository} />
            <PullCommands repository={name} reference={tags[0]?.tag ?? tags[0]?.digest ?? 'latest'} />
            <div class="filters">
              <Search label={words.search} />
              <label>
                <input
                  type="checkbox"
                  checked={all === 'true'}
                  onChange={(event) => setQuery({ all: event.currentTarget.checked ? 'true' : '', cursor: '' })}
                />
                {words.all}
              </label>
            </div>
            <ChosenActions selection={selection} onDone={() => void page.reload()} areTags />
            {tags.length === 0 ? (
              <Empty>{words.none}</Empty>
            ) : (
              <TagTable repository={name} tags={tags} selection={selection} />
            )}
            <Pager next={next} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function RepositoryFacts({ repository }: { repository: RepositoryView }): JSX.Element {
  const { upstream, bytes, ownBytes, lastUsedAt, manifests } = repository;
  return (
    <Facts
      of={[
        [words.upstream, upstream === undefined ? undefined : <Foreign key="upstream" text={upstream} />],
        [texts.images.state, <RepositoryState key="state" repository={repository} />],
        [texts.images.size, formatBytes(bytes)],
        [words.ownSize, ownBytes === undefined ? undefined : formatBytes(ownBytes)],
        [words.manifests, formatCount(manifests)],
        [texts.images.used, <When key="used" at={lastUsedAt} />],
      ]}
    />
  );
}

interface TagTableProps {
  readonly repository: string;
  readonly tags: readonly TagView[];
  readonly selection: Selection;
}

function TagTable({ repository, tags, selection }: TagTableProps): JSX.Element {
  const nameOf = ({ tag, digest }: TagView) => (tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`);
  const choice: Column<TagView> = {
    title: texts.images.choose,
    cell: (row) => <ChoiceBox name={nameOf(row)} selection={selection} />,
  };
  const columns: readonly Column<TagView>[] = [
    {
      title: words.tag,
      isHead: true,
      cell: (row) => (
        <a href={hrefOf(`/images/${nameOf(row)}`)}>
          {row.tag === undefined ? words.untagged : <Foreign text={row.tag} />}
        </a>
      ),
    },
    {
      title: words.digest,
      cell: ({ digest }) => (
        <a href={hrefOf(`/images/${repository}@${digest}`)} title={digest}>
          <code>{shortDigest(digest)}</code>
        </a>
      ),
    },
    { title: words.platforms, cell: Platforms },
    { title: texts.images.size, isNumber: true, cell: ({ size }) => formatBytes(size) },
    { title: words.attached, isNumber: true, cell: ({ referrers }) => formatCount(referrers) },
    { title: words.checked, cell: ({ checkedAt }) => <When at={checkedAt} /> },
    { title: words.nextCheck, cell: ({ nextCheckAt }) => <When at={nextCheckAt} /> },
    { title: texts.images.used, cell: ({ lastUsedAt }) => <When at={lastUsedAt} /> },
    {
      title: words.expires,
      cell: ({ expiresAt, pinned }) =>
        pinned ? <Badge tone="good">{texts.images.pinned}</Badge> : <When at={expiresAt} />,
    },
  ];
  return (
    <Table
      caption={words.caption}
      rows={tags}
      keyOf={nameOf}
      columns={[...(session.value?.isAdmin ? [choice] : []), ...columns]}
    />
  );
}

function Platforms({ platforms, artifactType }: TagView): JSX.Element {
  if (platforms === undefined)
    return artifactType === undefined ? <None /> : <Foreign text={artifactType} maxLength={80} />;
  const known = platforms.filter(({ platform }) => platform !== 'unknown/unknown');
  const cached = known.filter((platform) => platform.cached);
  return (
    <>
      {cached.map(({ platform }) => (
        <span key={platform} class="part">
          <Foreign text={platform} />
        </span>
      ))}
      {known.length > cached.length ? ` ${words.notCached(known.length - cached.length)}` : null}
    </>
  );
}
