/** A part of each day, in minutes since midnight. It contains midnight when it ends before it starts. */
export interface TimeWindow {
  from: number;
  until: number;
}

/** `22:00-06:00`; undefined when it is not a window, or is empty. */
export function parseTimeWindow(text: string): TimeWindow | undefined {
  const [, ...times] = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text) ?? [];
  const [fromHour = 24, fromMinute = 0, untilHour = 24, untilMinute = 0] = times.map(Number);
  if (times.length === 0 || fromHour > 23 || fromMinute > 59 || untilMinute > 59) return undefined;
  const window = { from: fromHour * 60 + fromMinute, until: untilHour * 60 + untilMinute };
  return window.until > 24 * 60 || window.from === window.until ? undefined : window;
}
