import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Router } from 'express';

import { http } from '../../builtin/http.ts';
import type { Listen } from '../../config/config.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { PROFILE_PAGES, PROFILES_PATH } from './debug-profiles.ts';
import { processVars } from './debug-vars.ts';
import { ForeignRequestError, refuseForeign } from '../client/foreign-requests.ts';
import { createHealthPages, LIVE_PATH, READY_PATH } from './health-pages.ts';
import { bind, closeNow } from '../listen/bound-server.ts';
import type { Health } from '../../health/health.ts';
import { createHostCheck, listensOnLoopback } from '../client/known-hosts.ts';

export interface DebugServerOptions {
  readonly listen: Listen;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Path of the metrics page. Absent when it is off. */
  readonly prometheusPath: string | undefined;
  /** Further names and addresses of the server, accepted as `Host`. */
  readonly hosts: readonly string[];
  readonly profiles: Router;
  /** Whether a request has the token that profiles need. Absent when no token is configured. */
  readonly hasToken: ((request: Request) => Promise<boolean>) | undefined;
}

export interface DebugServer {
  /** Without a trailing slash; `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

const HEALTH_PATH = '/debug/health';
const VARS_PATH = '/debug/vars';
const HEALTH_PAGES = [HEALTH_PATH, LIVE_PATH, READY_PATH];
const PAGES = [...HEALTH_PAGES, VARS_PATH, ...PROFILE_PAGES];

/**
 * Starts the pages for operators: health, metrics, profiles and a list of them. Only profiles need authentication, because only they
 * contain secrets.
 *
 * @throws when the address cannot be bound, such as `EADDRINUSE`
 */
export async function startDebugServer(options: DebugServerOptions): Promise<DebugServer> {
  await options.metrics.observeProcess();
  const server = http.createServer(createApp(options));
  const url = await bind(server, options.listen);
  return { url, close: () => closeNow(server) };
}

function createApp(options: DebugServerOptions): Express {
  const { metrics, health, prometheusPath, profiles } = options;
  const pages = [...PAGES, ...(prometheusPath === undefined ? [] : [prometheusPath])];
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  app.use(refuseStrangers(options));
  app.get(HEALTH_PATH, (_request, response) => {
    response.status(health.isHealthy() ? 200 : 503).json(health.failures());
  });
  app.use(serveHealthPages(health));
  app.get(VARS_PATH, async (_request, response) => void response.json(await processVars(metrics)));
  app.use(PROFILES_PATH, requireTrust(options), profiles);
  if (prometheusPath !== undefined) {
    app.get(prometheusPath, async (_request, response) => {
      const { contentType, text } = await metrics.render();
      response.set('content-type', contentType).send(text);
    });
  }
  app.get('/', (_request, response) => void response.json({ pages }));
  app.use((_request, response) => void response.status(404).json({ error: 'page not found', pages }));
  app.use(respondError);
  return app;
}

function serveHealthPages(health: Health): RequestHandler {
  const respond = createHealthPages(health, { isVerbose: true });
  return (request, response, next) => {
    if (!respond(request, response)) next();
  };
}

/**
 * Refuses requests of web pages: those of other origins, and those whose domain was made to point here. Health and metrics contain no
 * secrets, and scrapers use the name of a service: where other machines can connect, any `Host` is accepted for these.
 */
function refuseStrangers({ listen, hosts, hasToken, prometheusPath }: DebugServerOptions): RequestHandler {
  const isKnownHost = listen.net === 'unix' ? () => true : createHostCheck({ listen, hosts });
  const forScrapers = new Set(listensOnLoopback(listen) ? [] : [...HEALTH_PAGES, prometheusPath]);
  return async (request, _response, next) => {
    const isServed =
      forScrapers.has(request.path) || isKnownHost(request.headers.host) || (await hasToken?.(request)) === true;
    refuseForeign(request, { isServed, key: 'http.debug.hosts' });
    next();
  };
}

/** Admits requests on a unix socket, or with the token. */
function requireTrust({ listen, hasToken }: DebugServerOptions): RequestHandler {
  return async (request, response, next) => {
    if (listen.net === 'unix' || (await hasToken?.(request))) return next();
    if (hasToken) {
      response.status(401).set('www-authenticate', 'Bearer realm="layover-admin"');
      response.json({ error: 'profiles need the token of admin.token or admin.tokenfile' });
      return;
    }
    const error = 'profiles contain secrets: set admin.token and send it, or use the admin socket';
    response.status(403).json({ error });
  };
}

/** Hides the stack that Express would send. Express recognizes an error handler by its four parameters. */
const respondError: ErrorRequestHandler = (error: { status?: number }, _request, response, next) => {
  if (response.headersSent) return next(error);
  const message = error instanceof ForeignRequestError ? error.message : 'internal error';
  response.status(error.status ?? 500).json({ error: message });
};
