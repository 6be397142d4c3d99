import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { HAS_BROWSER, launchBrowser, openPage } from './browser.ts';
import { APP, pullAll, startScene } from './scene.ts';

const IMAGES = join(import.meta.dirname, '../../docs/images');
/** Bytes. */
const MAX_SIZE = 200_000;

describe.skipIf(!HAS_BROWSER)('pictures of docs/dashboard.md', () => {
  it('are small, and written when SCREENSHOTS is set', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    const browser = await launchBrowser();
    try {
      await using opened = await openPage(browser, scene.url, { viewport: { width: 1100, height: 1000 } });
      const pages = {
        overview: '/',
        images: `/images/${APP}`,
        image: `/images/${APP}@${scene.app.digest}?tab=layers`,
        setup: '/setup?client=containerd&address=https://cache.example.com',
      };
      for (const [name, path] of Object.entries(pages)) {
        await opened.goto(path);
        if (path === '/') await opened.page.waitForFunction('document.querySelector(".uplot canvas")');
        const picture = await opened.page.screenshot();
        expect(picture.length, name).toBeLessThan(MAX_SIZE);
        if (process.env['SCREENSHOTS'] === undefined) continue;
        await mkdir(IMAGES, { recursive: true });
        await writeFile(join(IMAGES, `dashboard-${name}.png`), picture);
      }
    } finally {
      await browser.close();
    }
  });
});
