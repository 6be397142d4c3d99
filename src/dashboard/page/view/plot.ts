import uPlot, { type AlignedData, type Options, type Series } from 'uplot';

import { onColours } from '../state/theme.ts';
import { OUTCOMES, type OutcomeSeries } from '../pages/outcome-series.ts';
import { formatCount } from './format.ts';

const HEIGHT = 220;
const FONT = '12px system-ui, sans-serif';

/** Series differ by lightness and by dashes, as colours are not seen alike by everyone. */
const DASHES = { hits: [], shared: [8, 4], misses: [2, 3], stale: [12, 3, 2, 3], bypassed: [4, 4] } as const;

export interface Plot {
  readonly draw: (series: OutcomeSeries) => void;
  readonly end: () => void;
}

/** Draws a chart into an element, as wide as it is, in the colours of the page. */
export function createPlot(container: HTMLElement, first: OutcomeSeries): Plot {
  let series = first;
  let chart: uPlot | undefined;
  const redraw = () => {
    chart?.destroy();
    chart = new uPlot(
      optionsOf(container, () => series),
      dataOf(series),
      container,
    );
  };
  const stopColours = onColours(redraw);
  const resizing = new ResizeObserver(() => chart?.setSize({ width: container.clientWidth, height: HEIGHT }));
  resizing.observe(container);
  return {
    draw(next) {
      series = next;
      chart?.setData(dataOf(series));
    },
    end() {
      stopColours();
      resizing.disconnect();
      chart?.destroy();
    },
  };
}

function dataOf({ times, values }: OutcomeSeries): AlignedData {
  return [[...times], ...OUTCOMES.map((name) => [...values[name]])];
}

function optionsOf(container: HTMLElement, series: () => OutcomeSeries): Options {
  const { color } = getComputedStyle(container);
  const axis = { stroke: color, font: FONT, grid: { stroke: color, width: 0.15 }, ticks: { show: false } };
  return {
    width: container.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: () => [series().end - series().rangeSeconds, series().end] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.05)] },
    },
    axes: [axis, { ...axis, size: 56, values: (_plot, splits) => splits.map(formatCount) }],
    series: [{}, ...OUTCOMES.map((name): Series => lineOf(name))],
  };
}

/** The colour is that of the legend. */
function lineOf(name: (typeof OUTCOMES)[number]): Series {
  const sample = document.querySelector(`.series-${name} svg`);
  const stroke = sample ? getComputedStyle(sample).color : '';
  return { label: name, stroke, width: 2, dash: [...DASHES[name]], points: { size: 5, fill: stroke } };
}
