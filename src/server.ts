import type { RequestListener, Server } from 'node:http';

import type { Config } from './config/config.ts';
import { createContext } from './context.ts';
import { createApp } from './http/app.ts';
import { startDebugServer } from './http/debug-server.ts';
import { createDispatcher } from './http/dispatcher.ts';
import { noteExchange } from './http/exchange.ts';
import { listen } from './http/listener.ts';
import { createPeerFills } from './http/peer-fills.ts';
import { createRoutes } from './http/routes.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface StartServerOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly debugUrl: string | undefined;
  /** Takes nothing new, lets running answers finish as long as `http.draintimeout` allows, then ends everything. */
  drain(): Promise<void>;
}

/** How often connections that have become idle are looked for while draining. Milliseconds. */
const IDLE_SWEEP_MS = 50;

/** @throws when storage cannot be opened or the address is taken; never because of an upstream */
export async function startServer({ config, env, telemetry }: StartServerOptions): Promise<RunningServer> {
  const context = await createContext({ config, env, telemetry });
  const { health } = context;
  const isHealthy = () => health.isHealthy();
  const dispatch = createDispatcher({
    router: context.router,
    routes: createRoutes({ ...context, ...config }),
    telemetry,
    prefix: config.http.prefix,
    headers: config.http.headers,
    isHealthy,
  });
  const app = createApp({ isHealthy });
  const peerFills = context.peers && createPeerFills({ access: context.peers, telemetry });
  const draining = { now: false };
  const onRequest: RequestListener = (req, res) => {
    if (draining.now) res.shouldKeepAlive = false;
    if (dispatch(req, res) || peerFills?.(req, res)) return;
    noteExchange(req, res, telemetry);
    app(req, res);
  };
  const { debug } = config.http;
  const debugServer = debug && (await startDebugServer({ ...debug, metrics: telemetry.metrics, health }));
  const { server, url } = await listen(config.http, onRequest);
  health.start();
  return {
    url,
    debugUrl: debugServer?.url,
    async drain() {
      draining.now = true;
      await drainConnections(server, config.http.drainTimeoutMs);
      await context.close();
      await debugServer?.close();
    },
  };
}

async function drainConnections(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
}
