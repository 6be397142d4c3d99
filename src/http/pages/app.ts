import type { RequestListener } from 'node:http';

import express, { type Express, type Router } from 'express';

import { isHttp2 } from '../listen/http2.ts';
import { SECURITY_HEADERS } from '../listen/security-headers.ts';
import { createHttp2Express } from './http2-express.ts';

export interface AppOptions {
  /** Creates the pages of the admin API. Absent when it has its own address. */
  readonly createAdmin?: (() => Express) | undefined;
  /** The token page. Absent when tokens are not issued here. */
  readonly tokens?: Router | undefined;
}

/** Creates the handler of the pages that need Express, over HTTP/1 and HTTP/2. */
export function createApp(options: AppOptions): RequestListener {
  const http1 = addPages(express(), options);
  let http2: Express | undefined;
  return (req, res) => {
    if (isHttp2(req)) (http2 ??= addPages(createHttp2Express(), options))(req, res);
    else http1(req, res);
  };
}

function addPages(app: Express, { createAdmin, tokens }: AppOptions): Express {
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set(SECURITY_HEADERS);
    next();
  });
  if (tokens) app.use(tokens);
  if (createAdmin) app.use(createAdmin());
  app.use((_request, response) => {
    response.status(404).json({
      errors: [{ code: 'UNSUPPORTED', message: 'page not found: the registry API is below /v2/' }],
    });
  });
  return app;
}
