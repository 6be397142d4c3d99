import type { IncomingMessage, RequestListener } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Config, HttpConfig } from '../config/config.ts';
import type { Health } from '../health/health.ts';
import { Clients } from '../http/client/client-address.ts';
import { TrustedProxies } from '../http/client/trusted-proxies.ts';
import { activatedSocket } from '../http/listen/activated-socket.ts';
import { listen } from '../http/listen/listener.ts';
import type { createProfilePages } from '../http/pages/debug-profiles.ts';
import type { DebugServer } from '../http/pages/debug-server.ts';
import { limitRequests, type ServeRequest } from '../http/v2/request-limits.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { AdminToken } from '../sign-in/admin-token.ts';
import { startAdminServers } from './admin-servers.ts';
import { closeOnFailure, CloseStack } from './close-stack.ts';
import type { ListeningUrls } from './composition/dashboard-links.ts';
import { type Context, createContext, openAuth } from './context.ts';
import { loadWorkers, type Workers } from './load-workers.ts';
import { planReload } from './reload-plan.ts';
import { loadRequestHandler, type RequestHandlerParts } from './request-handler.ts';
import { explainStart } from './start-failure.ts';

export interface StartServerOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
  /** For TTLs, intervals, back-off and expiry. @default the clock of the system */
  readonly clock?: Clock | undefined;
  /** Gets the lines that workers log. Absent: there are no workers, whatever `http.workers` is. */
  readonly writeLines?: ((text: string) => void) | undefined;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly debugUrl: string | undefined;
  /**
   * Takes over what it can of a new configuration, with its certificates, by replacing the workers. Absent without workers.
   *
   * @returns changed keys that need a restart
   * @throws when a file cannot be read; then nothing has changed
   */
  readonly reload: ((config: Config) => Promise<readonly string[]>) | undefined;
  /** Stops accepting connections after `http.draindelay`, waits up to `http.draintimeout` for requests in progress, then closes everything. */
  drain(): Promise<void>;
}

/**
 * Starts the service. When it fails, everything that it opened is closed first.
 *
 * @throws when storage cannot be opened, an address is in use, or a TLS file cannot be read; never because of an upstream
 */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  try {
    return await closeOnFailure((opened) => openServer(options, opened));
  } catch (err) {
    throw explainStart(err, options.config);
  }
}

async function openServer(options: StartServerOptions, opened: CloseStack): Promise<RunningServer> {
  const { config, env, telemetry } = options;
  const { now } = options.clock ?? SYSTEM_CLOCK;
  const { http } = config;
  // Closed last, so that operators can watch the shutdown.
  const debugging = opened.use(new CloseStack());
  const workers = await loadWorkers(options);
  if (workers) opened.use(workers);
  const context = opened.use(await createContext({ ...options, copies: workers?.copies }));
  const { health } = context;
  const loadProfiles = shareProfilePages();
  const token = AdminToken.create(config.admin);
  const urls: ListeningUrls = {};
  const current = { auth: context.auth };
  const auth = () => current.auth;
  const administration = { context, telemetry, loadProfiles, token, auth, urls, now };
  const { loadApp: loadAdmin } = opened.use(await startAdminServers(config, administration));
  const draining = { isStarted: false };
  const parts = { context, telemetry, loadAdmin, onServed: workers?.onServed, draining };
  // A reload replaces it.
  const serving = Object.assign(current, { config, ...(await createServing(config, parts)) });
  const debug =
    http.debug && debugging.use(await openDebugServer(http.debug, { telemetry, health, loadProfiles, token }));
  const listening = {
    http,
    onRequest: (...exchange: Parameters<RequestListener>) => serving.onRequest(...exchange),
    clients: serving.clients,
    events: telemetry,
    fd: activatedSocket(env, process.pid),
  };
  const listener = await (workers ? workers.listen(listening, context) : listen(listening));
  urls.registry = listener.url;
  health.start();
  return {
    url: listener.url,
    debugUrl: debug?.url,
    reload: workers && ((next) => reload(next, { serving, parts, workers, now })),
    async drain() {
      draining.isStarted = true;
      workers?.announceDrain();
      health.drain();
      // Load balancers keep sending requests until they notice that the service is not ready.
      await delay(http.drainDelayMs);
      context.events.end();
      await listener.drain(http.drainTimeoutMs);
      await opened.close();
    },
  };
}

interface ReloadParts {
  readonly serving: { config: Config; auth: Context['auth']; onRequest: RequestListener };
  readonly parts: ServingParts;
  readonly workers: Workers;
  readonly now: () => number;
}

/** @returns changed keys that need a restart */
async function reload(next: Config, { serving, parts, workers, now }: ReloadParts): Promise<readonly string[]> {
  const { context, telemetry } = parts;
  const { config, restart } = planReload(serving.config, next);
  const auth = config.auth && (await openAuth({ config: config.auth, events: telemetry.auth, now }));
  const { onRequest } = await createServing(config, { ...parts, context: { ...context, auth } });
  await workers.replace(config, () => Object.assign(serving, { config, auth, onRequest }));
  return restart;
}

interface ServingParts extends Omit<RequestHandlerParts, 'clients'> {
  readonly draining: { readonly isStarted: boolean };
}

/** Creates what serves the requests of one configuration. */
async function createServing(config: Config, { draining, ...parts }: ServingParts) {
  const { telemetry } = parts;
  const { trustedProxies, limits } = config.http;
  const clients = new Clients(new TrustedProxies(trustedProxies), telemetry.untrustedProxy);
  const serve = await loadRequestHandler(config, { ...parts, clients });
  const serveOrEnd: ServeRequest = (req, res) => {
    if (draining.isStarted) res.shouldKeepAlive = false;
    return serve(req, res);
  };
  return { clients, onRequest: limitRequests(serveOrEnd, { ...limits, clients, events: telemetry }) };
}

/** Profile pages for all servers of the process, which records one profile at a time. */
function shareProfilePages() {
  let pages: Promise<ReturnType<typeof createProfilePages>> | undefined;
  return () => (pages ??= import('../http/pages/debug-profiles.ts').then((module) => module.createProfilePages()));
}

interface DebugServerParts {
  readonly telemetry: Telemetry;
  readonly health: Health;
  readonly loadProfiles: ReturnType<typeof shareProfilePages>;
  readonly token: AdminToken | undefined;
}

async function openDebugServer(
  debug: NonNullable<HttpConfig['debug']>,
  { telemetry: { metrics }, health, loadProfiles, token }: DebugServerParts,
): Promise<DebugServer> {
  const { startDebugServer } = await import('../http/pages/debug-server.ts');
  const hasToken = token && (({ headers }: IncomingMessage) => token.isIn(headers.authorization));
  return startDebugServer({ ...debug, metrics, health, profiles: await loadProfiles(), hasToken });
}
