import type { Config } from '../config/config.ts';
import type { Clients } from '../http/client/client-address.ts';
import { createBaseUrl, createLocate } from '../http/client/locate.ts';
import type { GateOptions } from '../http/auth/authorize.ts';
import type { AppOptions } from '../http/pages/app.ts';
import { createPages } from '../http/pages/pages.ts';
import type { AccessGate } from '../http/v2/access-gate.ts';
import { createDispatcher, type Dispatcher, type ServedListener } from '../http/v2/dispatcher.ts';
import { recordExchange } from '../http/v2/exchange.ts';
import { observeRequests } from '../http/v2/observed-requests.ts';
import { createRecordVerification } from '../http/v2/record-verification.ts';
import { refuseHost } from '../http/v2/refuse-host.ts';
import type { FinishedRequest } from '../http/v2/request-events.ts';
import type { ServeRequest } from '../http/v2/request-limits.ts';
import { createRoutes } from '../http/v2/routes.ts';
import type { WritePassthrough } from '../http/v2/write-passthrough.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { LoadAdminApp } from './admin-servers.ts';
import type { Context } from './context.ts';
import { toStorageFailure } from './storage-failure.ts';

export interface RequestHandlerParts {
  readonly context: Context;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
  readonly loadAdmin: LoadAdminApp;
  /** Absent when the service has one process. */
  readonly onServed?: ServedListener | undefined;
}

/**
 * Creates the handler that sends requests of the registry API to the dispatcher, those of replicas to their fills, and all others to the
 * pages. Loads only the parts that are configured.
 */
export async function loadRequestHandler(config: Config, parts: RequestHandlerParts): Promise<ServeRequest> {
  const { clients, telemetry: events } = parts;
  const dispatch = await loadRegistryHandler(config, parts);
  const peerFills = await loadPeerFills(parts);
  const { health } = parts.context;
  const onError = (error: unknown) => events.log.error({ 'err.detail': String(error) }, 'loading pages failed');
  const pages = createPages({ health, loadApp: () => loadAppOptions(config, parts), onError });
  return (req, res) => {
    if (refuseHost(req, res, { clients, events })) return undefined;
    const work = dispatch(req, res) ?? peerFills?.(req, res);
    if (work) return work;
    const exchange = recordExchange(req, res, { client: clients.of(req), events });
    pages(req, Object.assign(res, { locals: { exchange } }));
    return undefined;
  };
}

async function loadRegistryHandler(
  config: Config,
  { context, clients, telemetry, onServed }: RequestHandlerParts,
): Promise<Dispatcher> {
  const { auth, router, health, verifications } = context;
  const { observe, listener } = withoutVerifications(context);
  const { prefix, headers } = config.http;
  const baseUrl = createBaseUrl(config.http, clients);
  return createDispatcher({
    router,
    routes: createRoutes({ ...context, ...config }),
    events: observeRequests(telemetry, observe),
    toStorageFailure,
    prefix,
    clients,
    locate: createLocate(config.http, clients),
    gate: auth && (await loadGate({ auth, router, baseUrl })),
    headers,
    isHealthy: () => health.isHealthy(),
    passthrough: await loadPassthrough(config),
    eventSink: listener && { listener, baseUrl },
    onServed,
    onVerify: createRecordVerification(clients, (verification) => verifications.add(verification)),
  });
}

/** Requests for reserved names are in no record of pulls, no list of requests, and no webhook: their image is not content. */
function withoutVerifications({ router, pulls, seeRequest, listener }: Context) {
  return {
    observe: (request: FinishedRequest): void => {
      if (request.stored !== undefined && router.isReserved(request.stored)) return;
      seeRequest(request);
      pulls?.record(request);
    },
    listener:
      listener &&
      (async (...[event, origin]: Parameters<typeof listener>) => {
        if (!router.isReserved(event.repository)) await listener(event, origin);
      }),
  };
}

async function loadGate(options: GateOptions): Promise<AccessGate> {
  const { Gate } = await import('../http/auth/authorize.ts');
  return new Gate(options);
}

/** @returns undefined when no upstream accepts pushes */
async function loadPassthrough({ http: { limits }, proxy }: Config): Promise<WritePassthrough | undefined> {
  if (!proxy?.upstreams.some(({ passthrough }) => passthrough)) return undefined;
  const { Passthrough } = await import('../http/passthrough/passthrough.ts');
  return new Passthrough(limits);
}

async function loadPeerFills({ context: { peers }, clients, telemetry: events }: RequestHandlerParts) {
  if (!peers) return undefined;
  const { createPeerFills } = await import('../http/peers/peer-fills.ts');
  return createPeerFills({ access: peers, clients, events, toStorageFailure });
}

async function loadAppOptions(config: Config, parts: RequestHandlerParts): Promise<AppOptions> {
  const { context, clients, telemetry, loadAdmin } = parts;
  const { auth, router } = context;
  const { prefix } = config.http;
  const createAdmin = await loadAdmin({ config, auth, clients });
  if (!auth?.issuer) return { createAdmin };
  const { createTokenPage } = await import('../http/auth/token-page.ts');
  const { log } = telemetry;
  return { createAdmin, tokens: createTokenPage({ auth, issuer: auth.issuer, router, clients, prefix, log }) };
}
