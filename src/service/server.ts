import { setTimeout as delay } from 'node:timers/promises';

import type { Clock } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { Clients } from '../http/client/client-address.ts';
import { TrustedProxies } from '../http/client/trusted-proxies.ts';
import { activatedSocket } from '../http/listen/activated-socket.ts';
import { listen } from '../http/listen/listener.ts';
import { createProfilePages } from '../http/pages/debug-profiles.ts';
import { startDebugServer } from '../http/pages/debug-server.ts';
import { limitRequests, type ServeRequest } from '../http/v2/request-limits.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { createAdminTokenCheck, startAdminServers } from './admin-servers.ts';
import { closeOnFailure, CloseStack } from './close-stack.ts';
import { createContext } from './context.ts';
import { createRequestHandler } from './request-handler.ts';

export interface StartServerOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
  /** For TTLs, intervals, back-off and expiry. @default the clock of the system */
  readonly clock?: Clock | undefined;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly debugUrl: string | undefined;
  /** Stops accepting connections after `http.draindelay`, waits up to `http.draintimeout` for requests in progress, then closes everything. */
  drain(): Promise<void>;
}

/**
 * Starts the service. When it fails, everything that it opened is closed first.
 *
 * @throws when storage cannot be opened, an address is in use, or a TLS file cannot be read; never because of an upstream
 */
export function startServer(options: StartServerOptions): Promise<RunningServer> {
  return closeOnFailure((opened) => openServer(options, opened));
}

async function openServer(options: StartServerOptions, opened: CloseStack): Promise<RunningServer> {
  const { config, env, telemetry } = options;
  const { http } = config;
  // Closed last, so that operators can watch the shutdown.
  const debugging = opened.use(new CloseStack());
  const context = opened.use(await createContext(options));
  const { health } = context;
  const operators = { profiles: createProfilePages(), hasToken: createAdminTokenCheck(config) };
  const admin = opened.use(await startAdminServers(config, { context, log: telemetry.log, ...operators }));
  const clients = new Clients(new TrustedProxies(http.trustedProxies), telemetry.untrustedProxy);
  const serve = createRequestHandler(config, { context, clients, telemetry, createAdmin: admin.createApp });
  const draining = { isStarted: false };
  const onRequest: ServeRequest = (req, res) => {
    if (draining.isStarted) res.shouldKeepAlive = false;
    return serve(req, res);
  };
  const debug =
    http.debug &&
    debugging.use(await startDebugServer({ ...http.debug, ...operators, metrics: telemetry.metrics, health }));
  const listener = await listen({
    http,
    onRequest: limitRequests(onRequest, { ...http.limits, clients, events: telemetry }),
    clients,
    events: telemetry,
    fd: activatedSocket(env, process.pid),
  });
  health.start();
  return {
    url: listener.url,
    debugUrl: debug?.url,
    async drain() {
      draining.isStarted = true;
      health.drain();
      // Load balancers keep sending requests until they notice that the service is not ready.
      await delay(http.drainDelayMs);
      await listener.drain(http.drainTimeoutMs);
      await opened.close();
    },
  };
}
