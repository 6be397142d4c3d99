import type { RequestListener } from 'node:http';

import type { Config } from '../config/config.ts';
import { Gate } from '../http/auth/authorize.ts';
import { createTokenPage } from '../http/auth/token-page.ts';
import type { Clients } from '../http/client/client-address.ts';
import { createBaseUrl, createLocate } from '../http/client/locate.ts';
import { createPages, type PagesOptions } from '../http/pages/app.ts';
import { Passthrough } from '../http/passthrough/passthrough.ts';
import { createPeerFills } from '../http/peers/peer-fills.ts';
import { createDispatcher, type Dispatcher } from '../http/v2/dispatcher.ts';
import { recordExchange } from '../http/v2/exchange.ts';
import { refuseHost } from '../http/v2/refuse-host.ts';
import type { ServeRequest } from '../http/v2/request-limits.ts';
import { createRoutes } from '../http/v2/routes.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Context } from './context.ts';
import { toStorageFailure } from './storage-failure.ts';

export interface RequestHandlerParts {
  readonly context: Context;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
  /** Absent when the admin API is not served here. */
  readonly createAdmin: PagesOptions['createAdmin'];
}

/** Sends requests of the registry API to the dispatcher, those of replicas to their fills, and all others to the pages. */
export function createRequestHandler(config: Config, parts: RequestHandlerParts): ServeRequest {
  const { context, clients, telemetry: events } = parts;
  const dispatch = createRegistryHandler(config, parts);
  const peerFills = context.peers && createPeerFills({ access: context.peers, clients, events, toStorageFailure });
  const pages = createPageHandler(config, parts);
  return (req, res) => {
    if (refuseHost(req, res, { clients, events })) return undefined;
    const work = dispatch(req, res) ?? peerFills?.(req, res);
    if (work) return work;
    const exchange = recordExchange(req, res, { client: clients.of(req), events });
    pages(req, Object.assign(res, { locals: { exchange } }));
    return undefined;
  };
}

function createRegistryHandler(config: Config, { context, clients, telemetry }: RequestHandlerParts): Dispatcher {
  const { auth, router, listener, health } = context;
  const { prefix, headers, limits } = config.http;
  const baseUrl = createBaseUrl(config.http, clients);
  return createDispatcher({
    router,
    routes: createRoutes({ ...context, ...config }),
    events: telemetry,
    toStorageFailure,
    prefix,
    clients,
    locate: createLocate(config.http, clients),
    gate: auth && new Gate({ auth, router, baseUrl }),
    headers,
    isHealthy: () => health.isHealthy(),
    passthrough: new Passthrough(limits),
    eventSink: listener && { listener, baseUrl },
  });
}

function createPageHandler(
  { http: { prefix } }: Config,
  { context, clients, telemetry: { log }, createAdmin }: RequestHandlerParts,
): RequestListener {
  const { auth, router, health } = context;
  const tokens = auth?.issuer && createTokenPage({ auth, issuer: auth.issuer, router, clients, prefix, log });
  return createPages({ health, tokens, createAdmin });
}
