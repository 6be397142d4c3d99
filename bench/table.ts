/** What one contender did in one workload. */
export interface Cell {
  readonly text: string;
  /** For ratios: more is better. */
  readonly score?: number;
}

export interface Row {
  readonly work: string;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly goal: string;
}

/** A part of the bench: what it prints, and tables to draw. */
export interface Part {
  readonly markdown: string;
  readonly charts: readonly Chart[];
}

export interface Chart {
  /** Of its file. */
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly contenders: readonly string[];
}

/** A Markdown table; the last columns are Layover's ratios to the others, losses included. */
export function renderTable(rows: readonly Row[], contenders: readonly string[]): string {
  const others = contenders.filter((name) => name !== 'layover');
  const head = ['work', ...contenders, 'goal', ...others.map((name) => `layover / ${name}`)];
  const lines = rows.map(({ work, cells, goal }) => [
    work,
    ...contenders.map((name) => cells.get(name)?.text ?? '–'),
    goal,
    ...others.map((name) => ratio(cells.get('layover'), cells.get(name))),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]?.length ?? 0)));
  const format = (line: readonly string[]) => `| ${line.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [format(head), format(widths.map((width) => '-'.repeat(width))), ...lines.map(format)].join('\n');
}

function ratio(ours: Cell | undefined, theirs: Cell | undefined): string {
  if (ours?.score === undefined || !theirs?.score) return '–';
  return `${(ours.score / theirs.score).toFixed(2)} ×`;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
