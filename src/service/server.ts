import type { RequestListener } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { type AdminServer, createAdminApp, startAdminServer } from '../admin/admin-server.ts';
import { createTokenCheck, type TokenCheck } from '../admin/authenticate.ts';
import { adminSocketPath } from '../admin/socket-path.ts';
import type { Config } from '../config/config.ts';
import { type Context, createContext } from './context.ts';
import { activatedSocket } from '../http/listen/activated-socket.ts';
import { createPages } from '../http/pages/app.ts';
import { Clients } from '../http/client/client-address.ts';
import { createTokenPage } from '../http/auth/token-page.ts';
import { createProfilePages } from '../http/pages/debug-profiles.ts';
import { startDebugServer } from '../http/pages/debug-server.ts';
import { Gate } from '../http/auth/authorize.ts';
import { createDispatcher, type Dispatcher } from '../http/v2/dispatcher.ts';
import { recordExchange } from '../http/v2/exchange.ts';
import { listen } from '../http/listen/listener.ts';
import { createBaseUrl, createLocate } from '../http/client/locate.ts';
import { Passthrough } from '../http/passthrough/passthrough.ts';
import { createPeerFills } from '../http/peers/peer-fills.ts';
import { limitRequests, type ServeRequest } from '../http/v2/request-limits.ts';
import { refuseHost } from '../http/v2/refuse-host.ts';
import { createRoutes } from '../http/v2/routes.ts';
import { TrustedProxies } from '../http/client/trusted-proxies.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { toStorageFailure } from './storage-failure.ts';

export interface StartServerOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly debugUrl: string | undefined;
  /** Takes nothing new after `http.draindelay`, lets running answers finish as long as `http.draintimeout` allows, then ends everything. */
  drain(): Promise<void>;
}

/** @throws when storage cannot be opened or the address is taken; never because of an upstream */
export async function startServer({ config, env, telemetry }: StartServerOptions): Promise<RunningServer> {
  const context = await createContext({ config, env, telemetry });
  const { health } = context;
  const isHealthy = () => health.isHealthy();
  const clients = new Clients(new TrustedProxies(config.http.trustedProxies), telemetry.untrustedProxy);
  const { auth, router, listener } = context;
  const { prefix } = config.http;
  const baseUrl = createBaseUrl(config.http, clients);
  const gate = auth && new Gate({ auth, router, baseUrl });
  const dispatch = createDispatcher({
    router,
    routes: createRoutes({ ...context, ...config }),
    events: telemetry,
    toStorageFailure,
    prefix,
    clients,
    locate: createLocate(config.http, clients),
    gate,
    headers: config.http.headers,
    isHealthy,
    passthrough: new Passthrough(config.http.limits),
    eventSink: listener && { listener, baseUrl },
  });
  const page = auth?.issuer && { auth, issuer: auth.issuer, router, clients, prefix, log: telemetry.log };
  const tokens = page && createTokenPage(page);
  const operators = { profiles: createProfilePages(), hasToken: adminTokenCheck(config) };
  const admin = await startAdmin(config, context, { telemetry, ...operators });
  const pages = createPages({ health, tokens, createAdmin: admin.createApp });
  const peerFills =
    context.peers && createPeerFills({ access: context.peers, clients, events: telemetry, toStorageFailure });
  const draining = { now: false };
  const serve = createServe({ dispatch, peerFills, pages, clients, telemetry });
  const onRequest: ServeRequest = (req, res) => {
    if (draining.now) res.shouldKeepAlive = false;
    return serve(req, res);
  };
  const { debug } = config.http;
  const debugServer = debug && (await startDebugServer({ ...debug, ...operators, metrics: telemetry.metrics, health }));
  const serving = await listen({
    http: config.http,
    onRequest: limitRequests(onRequest, { ...config.http.limits, clients, events: telemetry }),
    clients,
    events: telemetry,
    fd: activatedSocket(env, process.pid),
  });
  health.start();
  return {
    url: serving.url,
    debugUrl: debugServer?.url,
    async drain() {
      draining.now = true;
      health.drain();
      // Balancers notice that we are not ready, and go on sending until they do.
      await delay(config.http.drainDelayMs);
      await serving.drain(config.http.drainTimeoutMs);
      await admin.close();
      await context.close();
      await debugServer?.close();
    },
  };
}

interface ServeOptions {
  readonly dispatch: Dispatcher;
  readonly peerFills: ServeRequest | undefined;
  readonly pages: RequestListener;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
}

/** The registry's requests to the dispatcher, those of replicas to their page, all others to the pages for people. */
function createServe({ dispatch, peerFills, pages, clients, telemetry }: ServeOptions): ServeRequest {
  return (req, res) => {
    if (refuseHost(req, res, { clients, events: telemetry })) return undefined;
    const work = dispatch(req, res) ?? peerFills?.(req, res);
    if (work) return work;
    const exchange = recordExchange(req, res, { client: clients.of(req), events: telemetry });
    pages(req, Object.assign(res, { locals: { exchange } }));
    return undefined;
  };
}

interface AdminOptions {
  readonly telemetry: Telemetry;
  readonly profiles: ReturnType<typeof createProfilePages>;
  /** Undefined: there is no token. */
  readonly hasToken: TokenCheck | undefined;
}

function adminTokenCheck({ admin: { token, tokenFile } }: Config): TokenCheck | undefined {
  return token === undefined && tokenFile === undefined ? undefined : createTokenCheck({ token, tokenFile });
}

/** On an address of its own, among the other pages, and beside the storage: whichever of these there are. */
async function startAdmin(config: Config, context: Context, { telemetry, profiles, hasToken }: AdminOptions) {
  const { listen: address, hosts } = config.admin;
  const onError = (error: unknown) => telemetry.log.error({ reason: String(error) }, 'the admin API failed');
  const routes = { cache: context.cache, onError };
  const servers: AdminServer[] = [];
  if (address) servers.push(await startAdminServer({ ...routes, listen: address, hosts, hasToken }));
  const socket = adminSocketPath(config);
  let isClosed = false;
  const startOnSocket = async (path: string) => {
    if (isClosed) return;
    servers.push(await startAdminServer({ ...routes, listen: { net: 'unix', path }, profiles }));
  };
  const starting = socket && context.keeping.then(() => startOnSocket(socket)).catch(onError);
  if (context.isKeeper) await starting;
  return {
    createApp:
      hasToken && !address ? () => createAdminApp({ ...routes, listen: config.http.listen, hasToken }) : undefined,
    async close() {
      isClosed = true;
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
