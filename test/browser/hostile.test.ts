import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { describeInBrowser, launchBrowser, openPage } from './browser.ts';
import { HOSTILE_TEXTS } from './hostile-images.ts';
import { HOSTILE, pullAll, startScene } from './scene.ts';

const TABS = ['overview', 'layers', 'config', 'history', 'files', 'referrers', 'usedBy', 'raw'];
/** Control and format characters. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;

describeInBrowser('an image with hostile texts', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  it('does nothing, and hides nothing, on any page', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    for (const text of HOSTILE_TEXTS.slice(0, 6)) {
      const headers = { 'user-agent': text.replace(/[^\u0020-\u007e]/g, '') };
      await fetch(`${scene.layover.url}/v2/${HOSTILE}/manifests/latest`, { headers });
    }
    await using opened = await openPage(browser, scene.url);
    const image = `/images/${HOSTILE}@${scene.hostile.digest}`;
    for (const path of [
      '/',
      '/images',
      `/images/${HOSTILE}`,
      ...TABS.map((tab) => `${image}?tab=${tab}`),
      '/clients',
      '/problems',
    ]) {
      await opened.goto(path);
      await expectHarmless(opened.page, path);
    }
    expect(opened.complaints).toEqual([]);
  });

  it('shows the order of characters as it is, and quotes commands', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    await using opened = await openPage(browser, scene.url);
    await opened.goto(`/images/${HOSTILE}@${scene.hostile.digest}?tab=config`);
    const text = await opened.page.locator('main').innerText();
    expect(text).toContain('invoice\\u202egpj.exe');
    expect(text).toContain('a\\u200bb\\u200dc');
    expect(text).toContain(`''\\''; touch /tmp/attacked; '\\'''`);
  });
});

interface Found {
  readonly attacked: unknown;
  readonly frames: number;
  readonly links: readonly { readonly href: string; readonly rel: string | null }[];
  readonly text: string;
}

const FIND = `({
  attacked: window.attacked,
  frames: document.querySelectorAll('iframe, object, embed, main img, main script').length,
  links: [...document.querySelectorAll('main a')].map((link) => ({ href: link.href, rel: link.getAttribute('rel') })),
  text: document.querySelector('main').innerText,
})`;

async function expectHarmless(page: Page, path: string): Promise<void> {
  const found = await page.evaluate<Found>(FIND);
  expect(found.attacked, path).toBeUndefined();
  expect(found.frames, path).toBe(0);
  const elsewhere = found.links.filter(({ href }) => new URL(href).origin !== new URL(page.url()).origin);
  for (const { href, rel } of elsewhere) {
    expect(href, path).toMatch(/^https?:/);
    expect(href, path).not.toContain('user:pass');
    expect(rel, path).toBe('noreferrer noopener');
  }
  expect(found.text.replace(/[\n\t]/g, ''), path).not.toMatch(UNSEEN);
  expect(found.text, path).not.toContain('x'.repeat(4_097));
}
