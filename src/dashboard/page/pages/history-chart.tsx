import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import type { HistoryView } from '../../../operations/status-control.ts';
import { query, setQuery } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { texts } from '../texts.ts';
import { formatClockTime, formatCount, formatMoment } from '../view/format.ts';
import { Section } from '../view/frame.tsx';
import { Loaded } from '../view/loaded.tsx';
import { Table } from '../view/table.tsx';
import { OUTCOMES, type OutcomeSeries, outcomesOf } from './outcome-series.ts';

const words = texts.history;
const RANGES = ['1h', '24h', '90d'] as const;

/** Requests for content of upstreams over time, by what the cache did. */
export function HistoryChart(): JSX.Element {
  const range = RANGES.find((each) => each === query.value.get('range')) ?? '24h';
  const history = useResource<HistoryView>(`/history?range=${range}`, { isKept: true });
  return (
    <Section
      title={words.title}
      aside={
        <select
          aria-label={words.range}
          value={range}
          onChange={(event) => setQuery({ range: event.currentTarget.value })}
        >
          {RANGES.map((each) => (
            <option key={each} value={each}>
              {words.ranges[each]}
            </option>
          ))}
        </select>
      }
    >
      <Loaded of={history}>{(view) => <Figure series={outcomesOf(view)} />}</Loaded>
    </Section>
  );
}

function Figure({ series }: { series: OutcomeSeries }): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <figure class="chart">
      <figcaption>
        <ul class="legend">
          {OUTCOMES.map((name) => (
            <li key={name} class={`series-${name}`}>
              <svg viewBox="0 0 24 4" aria-hidden="true">
                <line x1="0" y1="2" x2="24" y2="2" />
              </svg>
              {words.outcomes[name]} <strong>{formatCount(series.totals[name])}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <Plot series={series} />
      <details open={isOpen.value} onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
        <summary>{words.asTable}</summary>
        {isOpen.value ? <AsTable series={series} /> : null}
      </details>
    </figure>
  );
}

/** Its library is loaded when the rest of the page is there. */
function Plot({ series }: { series: OutcomeSeries }): JSX.Element {
  const container = useRef<HTMLDivElement>(null);
  const latest = useRef(series);
  latest.current = series;
  const draw = useRef<(series: OutcomeSeries) => void>(undefined);
  useEffect(() => {
    let end: (() => void) | undefined;
    let isGone = false;
    void import('../view/plot.ts').then(({ createPlot }) => {
      if (isGone || !container.current) return;
      const plot = createPlot(container.current, latest.current);
      draw.current = plot.draw;
      end = plot.end;
    });
    return () => {
      isGone = true;
      end?.();
    };
  }, []);
  useEffect(() => draw.current?.(series), [series]);
  return <div ref={container} class="plot" aria-hidden="true" />;
}

function AsTable({ series: { times, values, stepSeconds } }: { series: OutcomeSeries }): JSX.Element {
  const format = stepSeconds >= 3_600 ? formatMoment : formatClockTime;
  const rows = times.map((at, i) => ({ at, i })).filter(({ i }) => OUTCOMES.some((name) => values[name][i]));
  return (
    <Table
      caption={words.title}
      rows={rows}
      keyOf={({ at }) => String(at)}
      columns={[
        { title: words.time, isHead: true, cell: ({ at }) => format(at * 1_000) },
        ...OUTCOMES.map((name) => ({
          title: words.outcomes[name],
          isNumber: true,
          cell: ({ i }: { i: number }) => formatCount(values[name][i] ?? 0),
        })),
      ]}
    />
  );
}
