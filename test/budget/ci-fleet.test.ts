import { describe, expect, it } from 'vitest';

import { simulateDay } from './simulated-day.ts';

describe('a day of 300 jobs an hour with 80 images that are rebuilt, and 200 pulls in 6 h', () => {
  it('has no failed job with the governor, and many without', async () => {
    const governed = await simulateDay({ isGoverned: true });
    const alone = await simulateDay({ isGoverned: false });
    expect(governed).toMatchObject({ jobs: 7200, failed: 0, refused: 0 });
    expect(governed.pulls).toBeLessThanOrEqual((200 * 24) / 6);
    expect(alone.failed).toBeGreaterThan(50);
    expect(alone.refused).toBeGreaterThan(100);
  });
});
