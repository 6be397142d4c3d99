/** Label matchers of the dashboard's variables. Outside of Kubernetes there is no namespace, which `.*` matches too. */
export const ON = 'namespace=~"$namespace",instance=~"$instance"';
/** The same for metrics that have an upstream. */
export const OF_UPSTREAM = `${ON},upstream=~"$upstream"`;

/** Per second, summed over instances. */
export function rateOf(metric: string, { by = '', where = ON }: { by?: string; where?: string } = {}): string {
  return `sum${by && ` by (${by}) `}(rate(${metric}{${where}}[$__rate_interval]))`;
}

/** Over the time range of the dashboard, summed over instances. Unlike a difference of sums it survives restarts. */
export function increaseOf(metric: string, { where = ON }: { where?: string } = {}): string {
  return `sum(increase(${metric}{${where}}[$__range]))`;
}

/** Of a histogram, in its unit. */
export function quantileOf(quantile: number, metric: string, { by = '', where = ON } = {}): string {
  const labels = by === '' ? 'le' : `le, ${by}`;
  return `histogram_quantile(${quantile}, ${rateOf(`${metric}_bucket`, { by: labels, where })})`;
}

/** 0 where nothing is counted yet, so that a difference or a ratio has a value. */
export function orZero(expression: string): string {
  return `(${expression} or vector(0))`;
}
