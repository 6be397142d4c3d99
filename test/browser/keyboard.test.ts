import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { describeInBrowser, launchBrowser, openPage, untilLoaded } from './browser.ts';
import { APP, pullAll, type Scene, startScene } from './scene.ts';

describeInBrowser('without a mouse', () => {
  let browser: Browser;
  let scene: Scene;
  beforeAll(async () => {
    browser = await launchBrowser();
    scene = await startScene();
    await pullAll(scene);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await browser?.close();
  });

  it('the first key leads past the menu, and keys lead to pages, rows and search', async () => {
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto('/');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.locator(':focus').getAttribute('id')).toBe('main');
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await untilLoaded(page);
    expect(new URL(page.url()).pathname).toBe('/ui/images');
    await expect.poll(() => page.locator(':focus').innerText()).toBe('Images');
    await page.keyboard.press('/');
    await page.keyboard.type('app');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(new URL(page.url()).searchParams.get('q')).toBe('app');
    await page.keyboard.press('Tab');
    await page.locator('h1').focus();
    await page.keyboard.press('j');
    await expect.poll(() => page.locator(':focus').getAttribute('aria-label')).toBe(`Choose ${APP}`);
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    expect(opened.complaints).toEqual([]);
  });

  it('an action is confirmed and cancelled by keys, and the focus is never lost', async () => {
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto('/upstreams');
    await page.getByRole('button', { name: 'Reset failures' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator(':focus').innerText()).toBe('Reset failures now');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator(':focus').innerText()).toBe('Reset failures');
    expect(opened.complaints).toEqual([]);
  });

  it('the URL has the state of a page: back and reload show the same', async () => {
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto(`/images/${APP}@${scene.app.digest}`);
    await page.getByRole('link', { name: 'Layers', exact: true }).click();
    await page.getByRole('rowheader').first().waitFor();
    await page.reload();
    await page.getByRole('rowheader').first().waitFor();
    await page.goBack();
    await page.getByRole('term').filter({ hasText: 'Media type' }).waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it('an idle tab sends few requests, and a hidden one none', async () => {
    await using opened = await openPage(browser, scene.url);
    await opened.goto('/');
    await opened.page.waitForFunction('document.querySelector(".uplot canvas")');
    const atStart = opened.requests.length;
    await expect.poll(() => opened.requests.length, { timeout: 25_000 }).toBeGreaterThan(atStart);
    const [first, ...others] = opened.requests.slice(atStart);
    expect(first).toBeDefined();
    expect(others).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
});
