import type { RequestListener } from 'node:http';

import type { Health } from '../../health/health.ts';
import { deferHandler } from '../listen/deferred-handler.ts';
import type { AppOptions } from './app.ts';
import { createHealthPages, createRootPage } from './health-pages.ts';

export interface PagesOptions {
  readonly health: Health;
  /** Loads the pages that need Express. Called at the first request for one. */
  readonly loadApp: () => Promise<AppOptions>;
  /** Gets the reason when these cannot be loaded. */
  readonly onError: (error: unknown) => void;
}

/** Creates the handler of all pages outside `/v2/`: for people and load balancers, over HTTP/1 and HTTP/2. */
export function createPages({ health, loadApp, onError }: PagesOptions): RequestListener {
  const root = createRootPage(health);
  const healthPages = createHealthPages(health, { isVerbose: false });
  const others = deferHandler(async () => {
    const [{ createApp }, options] = await Promise.all([import('./app.ts'), loadApp()]);
    return createApp(options);
  }, onError);
  return (req, res) => {
    if (!root(req, res) && !healthPages(req, res)) others(req, res);
  };
}
