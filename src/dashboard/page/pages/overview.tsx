import type { ComponentChildren, JSX } from 'preact';

import type { FillList } from '../../../operations/fill-control.ts';
import type { ServiceStatus, Verdict } from '../../../operations/status-control.ts';
import { hrefOf } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatBytes, formatPercent } from '../view/format.ts';
import { Foreign } from '../view/foreign.tsx';
import { Empty, Page, Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { type Tone, When } from '../view/values.tsx';
import { FillTable } from './fill-table.tsx';
import { HistoryChart } from './history-chart.tsx';
import { ProblemList } from './problem-list.tsx';
import { UpstreamSummaries } from './upstream-summaries.tsx';

const words = texts.overview;

const TONES: Readonly<Record<Verdict, Tone>> = {
  working: 'good',
  idle: 'good',
  degraded: 'warning',
  offline: 'bad',
  failing: 'bad',
};

export function Overview(): JSX.Element {
  const status = useResource<ServiceStatus>('/status', { events: ['breaker', 'problem'] });
  return (
    <Page title={words.title}>
      <Loaded of={status}>
        {(data) => (
          <>
            <p class={`verdict ${TONES[data.verdict]}`}>
              <Foreign text={data.text} />
            </p>
            {isUnused(data) ? <FirstSteps /> : <Tiles status={data} />}
            <Section title={words.upstreams}>
              <UpstreamSummaries upstreams={data.upstreams} />
            </Section>
            <RunningFills />
            <Section title={words.problems} aside={<a href={hrefOf('/problems')}>{words.allProblems}</a>}>
              <ProblemList problems={data.problems} none={words.noProblems} />
            </Section>
            <HistoryChart />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Nothing is stored, and nothing was requested. */
function isUnused({ disk, ratio }: ServiceStatus): boolean {
  return disk.used === 0 && ratio.d1 === undefined;
}

function FirstSteps(): JSX.Element {
  return (
    <div class="notice">
      <p>{words.unused}</p>
      <p>
        <a class="button primary" href={hrefOf('/setup')}>
          {words.setUp}
        </a>
      </p>
    </div>
  );
}

function Tiles({ status: { ratio, saved, disk } }: { status: ServiceStatus }): JSX.Element {
  const { used, quota, free, oldestUseAt } = disk;
  return (
    <div class="tiles">
      <Tile title={words.hits} value={ratio.h1 === undefined ? texts.none : formatPercent(ratio.h1)}>
        {words.hitsOfDay(ratio.d1 === undefined ? texts.none : formatPercent(ratio.d1))}
      </Tile>
      <Tile title={words.saved} value={formatBytes(saved.d1)}>
        {saved.since === undefined ? null : (
          <>
            {words.savedSince(formatBytes(saved.sinceInstall))} <When at={saved.since} />
          </>
        )}
      </Tile>
      <Tile title={words.stored} value={formatBytes(used)}>
        {quota === undefined ? null : words.ofQuota(formatPercent(used / quota), formatBytes(quota))}{' '}
        {free === undefined ? null : words.free(formatBytes(free))}
      </Tile>
      <Tile title={words.oldest} value={<When at={oldestUseAt} />}>
        {quota === undefined ? words.noQuota : words.evictedNext}
      </Tile>
    </div>
  );
}

interface TileProps {
  readonly title: string;
  readonly value: JSX.Element | string;
  readonly children?: ComponentChildren;
}

function Tile({ title, value, children }: TileProps): JSX.Element {
  return (
    <div class="tile">
      <h2>{title}</h2>
      <p class="tile-value">{value}</p>
      <p class="tile-more">{children}</p>
    </div>
  );
}

function RunningFills(): JSX.Element {
  const fills = useResource<FillList>('/fills', { events: ['fills'], apply: (_type, event) => event as FillList });
  return (
    <Section title={words.fills} aside={<a href={hrefOf('/fills')}>{words.allFills}</a>}>
      <Loaded of={fills}>
        {({ fills: rows }) =>
          rows.length === 0 ? <Empty>{words.noFills}</Empty> : <FillTable fills={rows.slice(0, 5)} />
        }
      </Loaded>
    </Section>
  );
}
