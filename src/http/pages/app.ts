import express, { type Express, type Router } from 'express';

import { addHealthPages } from './health-pages.ts';
import type { Health } from '../../health/health.ts';

export interface AppOptions {
  readonly health: Health;
  /** Pages of the admin API; undefined when they are elsewhere. */
  readonly admin?: Express | undefined;
  /** Where tokens are given out; undefined: they are not. */
  readonly tokens?: Router | undefined;
}

/** What is for people and load balancers: everything that is not under `/v2/`. */
export function createApp({ health, admin, tokens }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set('x-content-type-options', 'nosniff');
    next();
  });
  app.get('/', (_request, response) => {
    const status = health.isHealthy() ? 200 : 503;
    response.status(status).set('cache-control', 'no-cache').end();
  });
  addHealthPages(app, health, { isVerbose: false });
  if (tokens) app.use(tokens);
  if (admin) app.use(admin);
  app.use((_request, response) => {
    response.status(404).json({
      errors: [{ code: 'UNSUPPORTED', message: 'no such page; the registry API is below /v2/' }],
    });
  });
  return app;
}
