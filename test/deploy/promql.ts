import { parser } from '@prometheus-io/lezer-promql';

/** One metric in an expression, with the labels that it is expected to have. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

export interface ParsedExpression {
  readonly selectors: readonly Selector[];
  /** Labels of `by (…)`, `on (…)` and the like. */
  readonly grouping: readonly string[];
}

/** A PromQL expression, with or without variables of Grafana. @throws {Error} for a syntax error */
export function parsePromql(expression: string): ParsedExpression {
  const text = withoutVariables(expression);
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  let isGrouping = false;
  parser.parse(text).iterate({
    enter({ name, from, to, type }) {
      const source = text.slice(from, to);
      if (type.isError) throw new Error(`syntax error at ${from} of ${text}`);
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      if (name === 'GroupingLabels') isGrouping = true;
      if (name === 'Identifier') Object.assign(selectors.at(-1) ?? {}, { metric: source });
      if (name === 'LabelName') (isGrouping ? grouping : (selectors.at(-1)?.labels ?? [])).push(source);
    },
    leave({ name }) {
      if (name === 'GroupingLabels') isGrouping = false;
    },
  });
  return { selectors, grouping };
}

/** What Prometheus gets from Grafana, with some value for each variable. */
export function withoutVariables(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '6h').replaceAll(/\$\w+/g, '.*');
}
