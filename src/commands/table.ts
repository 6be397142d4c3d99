/** Columns as wide as their longest cell; a head with a leading `>` aligns its column to the right. */
export function renderColumns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const titles = head.map((title) => title.replace(/^>/, ''));
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (text: string, i: number) => {
    const width = widths[i] ?? 0;
    return head[i]?.startsWith('>') ? text.padStart(width) : text.padEnd(width);
  };
  return [titles, ...rows].map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.4 GiB` */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `2026-01-31 14:02 UTC` */
export function formatTime(rfc3339: string): string {
  return `${rfc3339.slice(0, 16).replace('T', ' ')} UTC`;
}

const SPANS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
];

/** Rounded: `3d`, `5h`, `12m`, `8s`. */
export function formatSpan(ms: number): string {
  const [unit, name] = SPANS.find(([each]) => ms >= 2 * each) ?? [1_000, 's'];
  return `${Math.max(0, Math.round(ms / unit))}${name}`;
}
