import type { JSX } from 'preact';

import type { CacheStats, ListPage } from '../../../operations/cache-control.ts';
import type { StorageAges } from '../../../operations/storage-control.ts';
import { hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatCount, formatSpan } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Notice, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { Facts, Meter, When } from '../view/values.tsx';
import { ageRows } from './age-rows.ts';
import { Pins } from './pins.tsx';
import { Collection, Rebuild, Scrub } from './upkeep.tsx';

const words = texts.storage;
/** Entries that are listed. */
const NEXT_OUT = 20;

export function Storage(): JSX.Element {
  const stats = useResource<CacheStats>('/stats');
  return (
    <Page title={words.title}>
      <Loaded of={stats}>
        {(data) => (
          <>
            <Totals stats={data} />
            <Ages />
            <NextOut />
            <Pins />
            <Scrub status={data.scrub} onDone={() => void stats.reload()} />
            <Collection />
            <Rebuild isComplete={data.complete} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Totals({ stats }: { stats: CacheStats }): JSX.Element {
  const { bytes, quota, ttlMs, repositories, oldestUseAt, pins, complete } = stats;
  const used = quota && words.ofQuota(formatBytes(bytes), formatBytes(quota.size));
  return (
    <>
      {complete ? null : <Notice tone="warning">{words.incomplete}</Notice>}
      <Facts
        of={[
          [
            words.used,
            quota && used ? (
              <span key="used">
                <Meter share={bytes / quota.size} label={used} /> {used}
              </span>
            ) : (
              formatBytes(bytes)
            ),
          ],
          [words.repositories, formatCount(repositories)],
          [words.ttl, ttlMs === 0 ? words.never : words.afterIdle(formatSpan(ttlMs))],
          [words.oldest, <When key="oldest" at={oldestUseAt} />],
          [words.pinCount, formatCount(pins)],
        ]}
      />
    </>
  );
}

/** How much was used when: what a quota would keep. */
function Ages(): JSX.Element {
  const ages = useResource<StorageAges>('/storage/ages');
  return (
    <Section title={words.ages}>
      <p>{words.agesIntro}</p>
      <Loaded of={ages}>
        {(data) => (
          <>
            <Table
              caption={words.ages}
              rows={ageRows(data)}
              keyOf={({ days }) => String(days)}
              columns={[
                {
                  title: words.age,
                  isHead: true,
                  cell: ({ days }) => (days === undefined ? words.older : words.within(days)),
                },
                { title: words.bytes, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
                { title: words.keeps, isNumber: true, cell: ({ sum }) => formatBytes(sum) },
                { title: words.share, cell: ({ share }) => <Meter share={share} label={words.shareOf} /> },
              ]}
            />
            <Table
              caption={words.byUpstream}
              rows={data.upstreams}
              keyOf={({ upstream, hosted }) => `${upstream} ${hosted}`}
              columns={[
                {
                  title: words.upstream,
                  isHead: true,
                  cell: ({ upstream, hosted }) =>
                    upstream === undefined ? hosted ? words.hosted : words.unknown : <Foreign text={upstream} />,
                },
                { title: words.bytes, isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
                { title: words.references, isNumber: true, cell: ({ references }) => formatCount(references) },
              ]}
            />
          </>
        )}
      </Loaded>
    </Section>
  );
}

/** In order of eviction. */
function NextOut(): JSX.Element {
  const list = useResource<ListPage>('/cache?sort=used&limit=200');
  return (
    <Section title={words.next}>
      <Loaded of={list}>
        {({ entries }) => {
          const rows = entries.filter(({ hosted, pinned }) => !hosted && !pinned).slice(0, NEXT_OUT);
          if (rows.length === 0) return <Empty>{words.nothingNext}</Empty>;
          return (
            <Table
              caption={words.next}
              rows={rows}
              keyOf={({ repository, digest }) => `${repository}@${digest}`}
              columns={[
                {
                  title: texts.images.repository,
                  isHead: true,
                  cell: ({ repository, digest, tags }) => (
                    <a href={hrefOf(`/images/${repository}@${digest}`)}>
                      <Foreign text={tags[0] === undefined ? repository : `${repository}:${tags[0]}`} />
                    </a>
                  ),
                },
                { title: words.bytes, isNumber: true, cell: ({ size }) => formatBytes(size) },
                { title: texts.images.used, cell: ({ lastUsedAt }) => <When at={lastUsedAt} /> },
                { title: texts.repository.expires, cell: ({ expiresAt }) => <When at={expiresAt} /> },
              ]}
            />
          );
        }}
      </Loaded>
    </Section>
  );
}
