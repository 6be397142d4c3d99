/** A part of each day, in local time and minutes since midnight. It contains midnight when it ends before it starts. */
export interface TimeWindow {
  readonly from: number;
  readonly until: number;
}

const DAYS = [-1, 0, 1, 2];

/** When the window that contains `now` ends; undefined outside of it. Unix milliseconds. */
export function windowEnd(window: TimeWindow, now: number): number | undefined {
  return occurrences(window, now).find(({ start, end }) => start <= now && now < end)?.end;
}

/** When the next window begins; `now` within one. Unix milliseconds. */
export function windowStart(window: TimeWindow, now: number): number {
  return Math.max(now, occurrences(window, now).find(({ end }) => now < end)?.start ?? now);
}

/** In order, from the one that began yesterday. An hour that the clock skips or repeats shortens or lengthens a window. */
function occurrences({ from, until }: TimeWindow, now: number): readonly { start: number; end: number }[] {
  const today = new Date(now);
  const at = (day: number, minutes: number) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + day, 0, minutes).getTime();
  return DAYS.map((day) => ({ start: at(day, from), end: at(until <= from ? day + 1 : day, until) }));
}
