import { afterAll, describe, expect, it } from 'vitest';

import { windowEnd, windowStart } from '../../src/sync/time-window.ts';

const zone = process.env['TZ'];
process.env['TZ'] = 'Europe/Berlin';

afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const NIGHT = { from: 22 * 60, until: 6 * 60 };
const MORNING = { from: 60, until: 4 * 60 };

/** @param text local time, or with an offset from UTC */
function at(text: string): number {
  return new Date(text).getTime();
}

describe('a window over midnight', () => {
  it.each([
    ['2026-03-10T22:00', '2026-03-11T06:00'],
    ['2026-03-10T23:59', '2026-03-11T06:00'],
    ['2026-03-11T00:00', '2026-03-11T06:00'],
    ['2026-03-11T05:59', '2026-03-11T06:00'],
    ['2026-12-31T23:00', '2027-01-01T06:00'],
  ])('contains %s, and ends at %s', (now, end) => {
    expect(windowEnd(NIGHT, at(now))).toBe(at(end));
    expect(windowStart(NIGHT, at(now))).toBe(at(now));
  });

  it.each([
    ['2026-03-11T06:00', '2026-03-11T22:00'],
    ['2026-03-11T21:59', '2026-03-11T22:00'],
  ])('does not contain %s, and begins at %s', (now, start) => {
    expect(windowEnd(NIGHT, at(now))).toBeUndefined();
    expect(windowStart(NIGHT, at(now))).toBe(at(start));
  });
});

describe('a window within a day', () => {
  it('is followed by that of the next day', () => {
    expect(windowEnd(MORNING, at('2026-03-10T03:59'))).toBe(at('2026-03-10T04:00'));
    expect(windowStart(MORNING, at('2026-03-10T04:00'))).toBe(at('2026-03-11T01:00'));
    expect(windowEnd({ from: 18 * 60, until: 24 * 60 }, at('2026-03-10T23:59'))).toBe(at('2026-03-11T00:00'));
    expect(windowStart({ from: 18 * 60, until: 24 * 60 }, at('2026-03-11T00:00'))).toBe(at('2026-03-11T18:00'));
  });
});

describe('when the clocks change', () => {
  it('a window lacks the skipped hour', () => {
    expect(windowEnd(MORNING, at('2026-03-29T01:00+01:00'))).toBe(at('2026-03-29T04:00+02:00'));
    expect(at('2026-03-29T04:00+02:00') - at('2026-03-29T01:00+01:00')).toBe(2 * 3_600_000);
  });

  it('a window has the repeated hour twice', () => {
    expect(windowEnd(MORNING, at('2026-10-25T02:30+02:00'))).toBe(at('2026-10-25T04:00+01:00'));
    expect(windowEnd(MORNING, at('2026-10-25T02:30+01:00'))).toBe(at('2026-10-25T04:00+01:00'));
  });

  it('a window that would begin in the skipped hour begins after it', () => {
    expect(windowStart({ from: 150, until: 240 }, at('2026-03-29T00:00+01:00'))).toBe(at('2026-03-29T03:30+02:00'));
  });

  it('a window over midnight keeps its times', () => {
    expect(windowEnd(NIGHT, at('2026-03-28T23:00+01:00'))).toBe(at('2026-03-29T06:00+02:00'));
    expect(windowEnd(NIGHT, at('2026-10-24T23:00+02:00'))).toBe(at('2026-10-25T06:00+01:00'));
  });
});
