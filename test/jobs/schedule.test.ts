import { describe, expect, it } from 'vitest';

import { Schedule, type ScheduledJob } from '../../src/jobs/schedule.ts';
import { FakeClock } from '../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

function scheduleOf(clock: FakeClock, jobs: readonly ScheduledJob[]) {
  const runs: string[] = [];
  const run = (name: string, isStart: boolean) => void runs.push(isStart ? `${name} at start` : name);
  const onError = (error: unknown) => {
    throw error;
  };
  return { runs, schedule: new Schedule({ jobs, run, clock, onError }) };
}

describe('scheduled jobs', () => {
  it('run at the start, and at each of their times', async () => {
    const clock = new FakeClock();
    const jobs = [
      { name: 'hourly', at: '30 * * * *', atStart: false },
      { name: 'once', at: undefined, atStart: true },
    ];
    const { runs, schedule } = scheduleOf(clock, jobs);
    schedule.schedule();
    expect(runs).toEqual(['once at start']);
    await expect.poll(() => schedule.nextAt('hourly')).toBeDefined();
    expect(new Date(schedule.nextAt('hourly') ?? 0).getMinutes()).toBe(30);
    await clock.advance(3 * HOUR_MS);
    expect(runs).toEqual(['once at start', 'hourly', 'hourly', 'hourly']);
  });

  it('do not run in a process that is not the leader any more', async () => {
    const clock = new FakeClock();
    const { runs, schedule } = scheduleOf(clock, [{ name: 'hourly', at: '30 * * * *', atStart: false }]);
    schedule.schedule();
    await expect.poll(() => schedule.nextAt('hourly')).toBeDefined();
    schedule.unschedule();
    await clock.advance(3 * HOUR_MS);
    expect(runs).toEqual([]);
    schedule.schedule();
    await expect.poll(() => schedule.nextAt('hourly')).toBeDefined();
    await clock.advance(HOUR_MS);
    expect(runs).toEqual(['hourly']);
  });
});
