import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { describe, expect } from 'vitest';

import { findProgram } from '../support/programs.ts';

const CHROMIUM = await findProgram('chromium-headless-shell');
if (CHROMIUM === undefined) console.warn('skipped: the dashboard, for want of chromium-headless-shell');

/** Tests of pages in a browser; skipped when this machine has none. */
export const describeInBrowser = describe.skipIf(CHROMIUM === undefined);

export async function launchBrowser(): Promise<Browser> {
  // As root, Chromium cannot have its sandbox.
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
}

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** Messages on the console, uncaught errors, and requests to other servers. */
  readonly complaints: string[];
  /** Paths of requests to the admin API. */
  readonly requests: readonly string[];
  goto(path: string): Promise<void>;
}

/** A new profile of the browser. @param url of the dashboard, without a slash at its end */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`));
  page.on('pageerror', ({ message }) => complaints.push(`error: ${message}`));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { origin, pathname } = new URL(request.url());
    if (origin !== new URL(url).origin) complaints.push(`request to ${request.url()}`);
    if (pathname.includes('/admin/api/')) requests.push(pathname.replace(/^.*\/admin\/api\/v1/, ''));
  });
  return {
    page,
    complaints,
    requests,
    async goto(path) {
      await page.goto(`${url}${path}`);
      await untilLoaded(page);
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Waits until the page has a heading, and nothing on it is being loaded. */
export async function untilLoaded(page: Page): Promise<void> {
  await page.waitForSelector('h1');
  await expect.poll(() => page.locator('main .loading').count()).toBe(0);
}

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** @returns what is not accessible, a line for each rule */
export async function findBarriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const run = `axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(TAGS)} } })`;
  const { violations } = await page.evaluate<AxeResults>(run);
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
}

/** Whether the page is wider than the window: only tables may scroll sideways. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
