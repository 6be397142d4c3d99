import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  MappingType,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** The one that the reader chooses: a fixed uid exists in one Grafana only. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** A builder changes the panel that it has built, so each dashboard needs new ones. */
export type PanelFactory = () => Builder<Panel>;

/** Legend → expression. A legend may have labels: `{{upstream}}`. */
type Series = Readonly<Record<string, string>>;

interface PanelOptions {
  readonly title: string;
  /** What the panel shows, and what a bad value means. */
  readonly description: string;
  readonly unit: string;
}

interface GraphOptions extends PanelOptions {
  readonly series: Series;
  readonly isStacked?: boolean;
  readonly max?: number;
}

const GRAPH = { span: 8, height: 8 };
const STAT = { span: 4, height: 4 };

/** Lines over time. */
export const graph =
  (options: GraphOptions): PanelFactory =>
  () =>
    createGraph(options);

function createGraph({ title, description, unit, series, isStacked = false, max }: GraphOptions): GraphBuilder {
  const builder = new GraphBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(GRAPH.span)
    .height(GRAPH.height)
    .unit(unit)
    .min(0)
    .fillOpacity(isStacked ? 25 : 8)
    .showPoints(VisibilityMode.Never)
    .legend(legend())
    .targets(queries(series));
  if (isStacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  return max === undefined ? builder : builder.max(max);
}

interface StatOptions extends PanelOptions {
  readonly expr: string;
  /** Ascending; the first one has no value. */
  readonly thresholds?: readonly Threshold[];
}

const NEUTRAL: readonly Threshold[] = [{ value: null, color: 'blue' }];

/** One number. */
export const stat =
  (options: StatOptions): PanelFactory =>
  () =>
    createStat(options);

function createStat({ title, description, unit, expr, thresholds = NEUTRAL }: StatOptions): StatBuilder {
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(STAT.span)
    .height(STAT.height)
    .unit(unit)
    .noValue('–')
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]))
    .withTarget(query(expr, '', 'A').instant());
}

interface HeatmapOptions extends PanelOptions {
  /** The buckets of a histogram, by `le`. */
  readonly expr: string;
}

/** How often each range of values occurred. */
export const heatmap =
  (options: HeatmapOptions): PanelFactory =>
  () =>
    createHeatmap(options);

function createHeatmap({ title, description, unit, expr }: HeatmapOptions): HeatmapBuilder {
  return new HeatmapBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(GRAPH.span)
    .height(GRAPH.height)
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64))
    .withTarget(query(expr, '{{le}}', 'A').format(PromQueryFormat.Heatmap));
}

interface TimelineOptions extends Omit<PanelOptions, 'unit'> {
  readonly series: Series;
  /** Value → its text and colour. */
  readonly states: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
}

/** States over time. */
export const timeline =
  (options: TimelineOptions): PanelFactory =>
  () =>
    createTimeline(options);

function createTimeline({ title, description, series, states }: TimelineOptions): TimelineBuilder {
  return new TimelineBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(GRAPH.span)
    .height(GRAPH.height)
    .mergeValues(true)
    .showValue(VisibilityMode.Never)
    .mappings([{ type: MappingType.ValueToText, options: states }])
    .targets(queries(series));
}

function legend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true);
}

function queries(series: Series): Builder<Dataquery>[] {
  return Object.entries(series).map(([text, expr], index) =>
    query(expr, text, String.fromCharCode(65 + index)).range(),
  );
}

function query(expr: string, legendFormat: string, refId: string): DataqueryBuilder {
  return new DataqueryBuilder().datasource(DATASOURCE).expr(expr).legendFormat(legendFormat).refId(refId);
}
