import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HAS_BROWSER, findBarriers, launchBrowser, openPage, overflowOf } from './browser.ts';
import { APP, MULTI, pullAll, type Scene, startScene } from './scene.ts';

const PAGES = [
  '/',
  '/images',
  '/fills',
  '/upstreams',
  '/clients',
  '/problems',
  '/storage',
  '/jobs',
  '/setup',
  '/settings',
];
const SCHEMES = ['light', 'dark'] as const;

/** Every page of an image, and those of the content around it. */
function contentPages({ app, index }: Scene): readonly string[] {
  const image = `/images/${APP}@${app.digest}`;
  const tabs = ['overview', 'layers', 'files', 'config', 'history', 'referrers', 'usedBy', 'raw'];
  return [
    `/images/${APP}`,
    `/images/${APP}?all=true`,
    `/images/${APP}:1`,
    `/images/${APP}:1?tab=tagHistory`,
    `/images/${MULTI}@${index.digest}?tab=platforms`,
    ...tabs.map((tab) => `${image}?tab=${tab}`),
    `/compare?a=${APP}:1&b=${APP}:2`,
  ];
}

describe.skipIf(!HAS_BROWSER)('every page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  async function expectGood({ url }: Scene, paths: readonly string[]): Promise<void> {
    for (const colorScheme of SCHEMES) {
      await using opened = await openPage(browser, url, { colorScheme });
      for (const path of paths) {
        await opened.goto(path);
        expect.soft(await findBarriers(opened.page), `${path} ${colorScheme}`).toEqual([]);
        expect.soft(opened.complaints.splice(0), `${path} ${colorScheme}`).toEqual([]);
      }
    }
    await using narrow = await openPage(browser, url, { viewport: { width: 360, height: 640 } });
    for (const path of paths) {
      await narrow.goto(path);
      expect.soft(await overflowOf(narrow.page), `${path} at 360 pixels`).toBe(0);
    }
  }

  it('is accessible, narrow and quiet for an empty cache', async () => {
    await using scene = await startScene();
    await expectGood(scene, PAGES);
    await using opened = await openPage(browser, scene.url);
    await opened.goto('/');
    expect(await opened.page.getByRole('link', { name: 'Set up a client' }).count()).toBe(1);
  });

  it('is accessible, narrow and quiet for a cache in use, whose pages have its content', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    await expectGood(scene, [...PAGES, ...contentPages(scene)]);
    await using opened = await openPage(browser, scene.url);
    const shows = async (path: string, text: string) => {
      await opened.goto(path);
      await expect.poll(() => opened.page.locator('main').innerText()).toContain(text);
    };
    await shows('/', "of the last hour's pulls were cached");
    await shows('/images', 'library/multi');
    await shows(`/images/${MULTI}`, 'linux/');
    await shows(`/images/${APP}@${scene.app.digest}?tab=raw`, scene.app.layers[0] ?? '');
    await shows(`/images/${APP}@${scene.app.digest}?tab=files`, 'hello');
    await shows(`/images/${APP}:1?tab=tagHistory`, 'current');
    await shows(`/compare?a=${APP}:1&b=${APP}:2`, 'Removed');
    await shows('/clients', 'containerd/2.1.0');
    await shows('/upstreams', 'Available');
    await shows('/settings', 'proxy.upstreams');
  });

  it('is accessible, narrow and quiet when the upstream does not respond, and names the problem', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    scene.hub.faults.hang();
    await scene.hub.stop();
    for (let i = 0; i < 4; i++) await fetch(`${scene.layover.url}/v2/library/other/manifests/${i}`);
    await expectGood(scene, PAGES);
    await using opened = await openPage(browser, scene.url);
    await opened.goto('/');
    expect(await opened.page.locator('.verdict').innerText()).toContain('does not respond');
    await opened.goto('/problems');
    expect(await opened.page.locator('main').innerText()).toContain('What to do');
  });
});
