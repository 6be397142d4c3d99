import { describe, expect, it } from 'vitest';

import { HAS_BROWSER, launchBrowser, openPage } from './browser.ts';
import { pullAll, startScene } from './scene.ts';

const LOADS = 5;
const PAINTED = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime`;

describe.skipIf(!HAS_BROWSER)('the first paint', () => {
  it('is measured, from the navigation to the first text, without a cache of the browser', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    const browser = await launchBrowser();
    try {
      const times: number[] = [];
      for (let i = 0; i < LOADS; i++) {
        await using opened = await openPage(browser, scene.url);
        await opened.goto('/');
        await expect.poll(() => opened.page.evaluate(PAINTED)).toBeGreaterThan(0);
        times.push(await opened.page.evaluate<number>(PAINTED));
      }
      console.log(`first paint in milliseconds: ${times.map(Math.round).join(', ')}`);
    } finally {
      await browser.close();
    }
  });
});
