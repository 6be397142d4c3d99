import type { RequestListener } from 'node:http';

import express, { type Express, type Router } from 'express';

import type { Health } from '../../health/health.ts';
import { isHttp2 } from '../listen/http2.ts';
import { addHealthPages } from './health-pages.ts';
import { createHttp2Express } from './http2-express.ts';

export interface PagesOptions {
  readonly health: Health;
  /** Creates the pages of the admin API. Absent when it has its own address. */
  readonly createAdmin?: (() => Express) | undefined;
  /** The token page. Absent when tokens are not issued here. */
  readonly tokens?: Router | undefined;
}

/** Creates the handler of all pages outside `/v2/`: for people and load balancers, over HTTP/1 and HTTP/2. */
export function createPages(options: PagesOptions): RequestListener {
  const http1 = addPages(express(), options);
  const http2 = addPages(createHttp2Express(), options);
  return (req, res) => (isHttp2(req) ? http2 : http1)(req, res);
}

function addPages(app: Express, { health, createAdmin, tokens }: PagesOptions): Express {
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
  if (createAdmin) app.use(createAdmin());
  app.use((_request, response) => {
    response.status(404).json({
      errors: [{ code: 'UNSUPPORTED', message: 'page not found: the registry API is below /v2/' }],
    });
  });
  return app;
}
