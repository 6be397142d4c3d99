const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.4 GiB`, as commands print it. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const counts = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function formatCount(count: number): string {
  return count < 100_000 ? counts.format(count) : short.format(count);
}

/** @param share from 0 to 1 */
export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : Math.floor(percent)} %`;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** `3 minutes ago`, `in 2 days`. Unix milliseconds. */
export function formatRelative(at: number, now: number): string {
  const span = at - now;
  const [unit, ms] = SPANS.find(([, each]) => Math.abs(span) >= each) ?? ['second', 1_000];
  return Math.abs(span) < 10_000 ? 'now' : relative.format(Math.trunc(span / ms), unit);
}

const NAMES = { day: 'd', hour: 'h', minute: 'min', second: 's' } as const;

/** `3 d`, `12 min`, `40 ms`. */
export function formatSpan(ms: number): string {
  const [unit, each] = SPANS.find(([, span]) => ms >= 2 * span) ?? ['second', 1_000];
  return ms < 2_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / each)} ${NAMES[unit]}`;
}

const moment = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const clockTime = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** With date, in the time zone of the browser. */
export function formatMoment(at: number): string {
  return moment.format(at);
}

export function formatClockTime(at: number): string {
  return clockTime.format(at);
}

/** The start of a digest, which is enough to recognize it. */
export function shortDigest(digest: string): string {
  const [algorithm = '', hash = ''] = digest.split(':');
  return `${algorithm}:${hash.slice(0, 12)}`;
}
