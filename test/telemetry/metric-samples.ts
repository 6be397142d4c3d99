import type { Metrics } from '../../src/telemetry/metrics.ts';

/** The metrics page as `name{label="value",…}` (labels in order of name) → value. Throws on a line that is neither comment nor sample. */
export function parseMetrics(page: string): Map<string, number> {
  const samples = page.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return [];
    const match = /^([a-z_]+[a-z0-9_]*)(?:\{(.*)\})? (\S+)$/i.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', labels = '', value = ''] = match;
    const sorted = (labels.match(/\w+="(?:[^"\\]|\\.)*"/g) ?? []).toSorted().join(',');
    return [[sorted === '' ? name : `${name}{${sorted}}`, Number(value)] as const];
  });
  return new Map(samples);
}

export async function samplesOf(metrics: Metrics): Promise<Map<string, number>> {
  return parseMetrics((await metrics.render()).text);
}
