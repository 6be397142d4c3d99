import { createServer } from 'node:http';

import express from 'express';
import type { ErrorRequestHandler, Express } from 'express';

import type { Listen } from '../config/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { addProfilePages, CPU_PROFILE_PATH, HEAP_PROFILE_PATH } from './debug-profiles.ts';
import { processVars } from './debug-vars.ts';
import { addHealthPages, LIVE_PATH, READY_PATH } from './health-pages.ts';
import { bind, closeNow } from './bound-server.ts';
import type { Health } from './health.ts';

export interface DebugServerOptions {
  readonly listen: Listen;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Path of the metrics page; undefined when off. */
  readonly prometheusPath: string | undefined;
}

export interface DebugServer {
  /** Without a trailing slash; `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

const HEALTH_PATH = '/debug/health';
const VARS_PATH = '/debug/vars';
const PAGES = [HEALTH_PATH, LIVE_PATH, READY_PATH, VARS_PATH, CPU_PROFILE_PATH, HEAP_PROFILE_PATH];

/**
 * Starts the pages for operators: health, metrics, profiles and a list of them. There is no authentication, and nothing
 * here tells a secret but a snapshot of the heap, which only the own machine gets.
 *
 * @throws what `listen` failed with, such as `EADDRINUSE`
 */
export async function startDebugServer(options: DebugServerOptions): Promise<DebugServer> {
  const server = createServer(createApp(options));
  const url = await bind(server, options.listen);
  return { url, close: () => closeNow(server) };
}

function createApp({ metrics, health, prometheusPath }: DebugServerOptions): Express {
  const pages = [...PAGES, ...(prometheusPath === undefined ? [] : [prometheusPath])];
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  app.get(HEALTH_PATH, (_request, response) => {
    response.status(health.isHealthy() ? 200 : 503).json(health.failures());
  });
  addHealthPages(app, health, { isVerbose: true });
  app.get(VARS_PATH, async (_request, response) => void response.json(await processVars(metrics)));
  addProfilePages(app);
  if (prometheusPath !== undefined) {
    app.get(prometheusPath, async (_request, response) => {
      const { contentType, text } = await metrics.render();
      response.set('content-type', contentType).send(text);
    });
  }
  app.get('/', (_request, response) => void response.json({ pages }));
  app.use((_request, response) => void response.status(404).json({ error: 'no such page', pages }));
  app.use(answerError);
  return app;
}

/** Express would show the stack, and recognises an error handler by its four parameters. */
const answerError: ErrorRequestHandler = (error: { status?: number }, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(error.status ?? 500).json({ error: 'the page could not be made' });
};
