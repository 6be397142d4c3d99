import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HAS_BROWSER, launchBrowser, openPage } from './browser.ts';
import { APP, pullAll, pullImage, startScene } from './scene.ts';

describe.skipIf(!HAS_BROWSER)('an operator', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  it('takes an upstream offline and online again', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto('/upstreams');
    await page.getByRole('button', { name: 'Take offline for an hour' }).first().click();
    await page.getByRole('button', { name: 'Take offline for an hour now' }).click();
    await page.getByText('Offline until').waitFor();
    expect((await fetch(`${scene.layover.url}/v2/library/large/manifests/1`)).ok).toBe(false);
    expect((await fetch(`${scene.layover.url}/v2/library/app/manifests/1`)).ok).toBe(true);
    await page.getByRole('button', { name: 'Take online' }).click();
    await page.getByRole('button', { name: 'Take offline for an hour' }).first().waitFor();
    expect((await fetch(`${scene.layover.url}/v2/library/large/manifests/1`)).ok).toBe(true);
    expect(opened.complaints).toEqual([]);
  });

  it('evicts an image after a preview, and nothing before the confirmation', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    const blobs = async () => (await scene.layover.visibleBlobs()).length;
    const before = await blobs();
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto(`/images/${APP}`);
    await page.getByRole('checkbox', { name: `Choose ${APP}:2` }).check();
    await page.getByRole('button', { name: 'Evict', exact: true }).click();
    await page.getByText('This removes').waitFor();
    expect(await blobs()).toBe(before);
    await page.getByRole('checkbox', { name: `Choose ${APP}:1` }).check();
    await page.getByRole('button', { name: 'Evict now' }).waitFor({ state: 'detached' });
    await page.getByRole('checkbox', { name: `Choose ${APP}:1` }).uncheck();
    await page.getByRole('button', { name: 'Evict', exact: true }).click();
    await page.getByRole('button', { name: 'Evict now' }).click();
    await page.getByText('freed').waitFor();
    await expect.poll(blobs).toBeLessThan(before);
    expect(await page.getByRole('link', { name: '2', exact: true }).count()).toBe(0);
    expect(opened.complaints).toEqual([]);
  });

  it('pins an image', async () => {
    await using scene = await startScene();
    await pullAll(scene);
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto('/images');
    await page.getByRole('checkbox', { name: `Choose ${APP}` }).check();
    await page.getByRole('button', { name: 'Pin', exact: true }).click();
    await page.getByRole('button', { name: 'Pin now' }).click();
    await opened.goto('/storage');
    await page.getByRole('rowheader', { name: APP, exact: true }).first().waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it('sees that a client uses the cache as soon as it does', async () => {
    await using scene = await startScene();
    await using opened = await openPage(browser, scene.url);
    const { page } = opened;
    await opened.goto('/setup?client=docker');
    await page.getByRole('button', { name: 'Verify a client' }).click();
    const [, nonce = ''] = /layover-verify\/(\w+)/.exec(await page.locator('main').innerText()) ?? [];
    expect(nonce).toMatch(/^[0-9a-f]{32}$/);
    await pullImage(scene.layover, `layover-verify/${nonce}`, 'latest');
    await page.getByText('This client uses the cache.').waitFor();
    expect(opened.complaints).toEqual([]);
  });

  it('sees a fill while it runs', async () => {
    await using scene = await startScene();
    await using opened = await openPage(browser, scene.url);
    await opened.goto('/fills');
    scene.hub.faults.hangMidBody(5_000_000, { reference: scene.large });
    const pull = fetch(`${scene.layover.url}/v2/library/large/blobs/${scene.large}`).catch(() => undefined);
    await opened.page.getByRole('cell', { name: /4\.8 MiB of/ }).waitFor();
    await opened.page.getByRole('button', { name: 'Cancel fill', exact: true }).click();
    await opened.page.getByRole('button', { name: 'Cancel fill now' }).click();
    await opened.page.getByText('Nothing is being fetched.').waitFor();
    await pull;
    expect(opened.complaints).toEqual([]);
  });
});
