import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Caller } from '../../auth/auth.ts';
import { RegistryError } from '../../oci/errors.ts';
import { type OciRequest, type ParsedRequest, parseOciRequest } from '../../oci/request.ts';
import { referenceText } from '../../oci/reference.ts';
import { isWrite } from '../../oci/write-request.ts';
import type { RouteRequest, Target } from '../../pull-through/router.ts';
import type { Outcome } from '../../registry/registry.ts';
import type { AccessCaller } from '../../registry/repository-access.ts';
import { type ErrorOptions, respondError } from './respond-error.ts';
import type { RecordVerification } from './record-verification.ts';
import type { RequestEvents } from './request-events.ts';
import type { AccessGate, Permissions } from './access-gate.ts';
import { cleanTarget, isBelow, originForm } from './request-target.ts';
import type { Clients } from '../client/client-address.ts';
import { allowsOrigins, isPreflight } from './cors.ts';
import { Exchange } from './exchange.ts';
import { hostOf } from '../client/host-of.ts';
import type { Locate } from '../client/locate.ts';
import { createMountSource, findTarget } from './mount-source.ts';
import { createNotify, type EventSink } from './notify.ts';
import type { WritePassthrough } from './write-passthrough.ts';
import { type FindTarget, handle, type RouteTable } from './route-table.ts';
import { SecurityHeaders } from '../listen/security-headers.ts';
import { endEarly, hasLongRest } from '../listen/unread-body.ts';

export interface RequestRouter {
  /** @throws {RegistryError} `NAME_UNKNOWN` | `NAME_INVALID` when no registry has the name */
  route(request: RouteRequest): Target;
  /** Whether the target's registry serves its repository. */
  isAllowed(target: Target): boolean;
  /** Whether a client may know of a stored repository. Absent when every client may know of all of them. */
  readonly isVisible?: ((stored: string, caller: AccessCaller) => boolean) | undefined;
}

export interface DispatcherOptions extends Pick<ErrorOptions, 'toStorageFailure'> {
  readonly router: RequestRouter;
  readonly routes: RouteTable;
  readonly events: RequestEvents;
  /** Starts and ends with `/`. */
  readonly prefix: string;
  readonly clients: Clients;
  readonly locate: Locate;
  /** Absent when every client may do everything. */
  readonly gate?: AccessGate | undefined;
  /** Added to every response. They override the security headers. @default none */
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Every response is 503 while it returns false. @default always healthy */
  readonly isHealthy?: (() => boolean) | undefined;
  /** Absent when no upstream accepts pushes. */
  readonly passthrough?: WritePassthrough | undefined;
  /** Absent when notifications are off. */
  readonly eventSink?: EventSink | undefined;
  /** Called when the content of a response is found. Absent when the service has one process. */
  readonly onServed?: ServedListener | undefined;
  /** Called when a reserved name is found, which can be several times for a request. @default not recorded */
  readonly onVerify?: RecordVerification | undefined;
}

/** An admitted request, and the content that it gets. */
export interface ServedRequest {
  readonly exchange: Exchange;
  readonly request: OciRequest;
  readonly target: Target;
  readonly outcome: Outcome;
}

export type ServedListener = (served: ServedRequest) => void;

/**
 * Serves requests of the registry API.
 *
 * @returns undefined for other requests; resolves when all work for the request has ended, which may be after its response
 */
export type Dispatcher = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

/**
 * Creates the handler of everything under `/v2/`. It does not use Express: names contain slashes, bodies are gigabytes, and a cached
 * manifest should cost microseconds. It can be mounted in an Express app: `app.use((req, res, next) => dispatch(req, res) || next())`.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { prefix, clients, events, toStorageFailure } = options;
  const errors = { log: events.log, toStorageFailure };
  const root = `${prefix}v2`;
  const { headers = {} } = options;
  const extraHeaders = Object.entries(headers);
  const security = new SecurityHeaders(headers);
  const settings = {
    ...options,
    allowsPreflights: allowsOrigins(headers),
    isAllowed: (target: Target) => options.router.isAllowed(target),
  };
  return (req, res) => {
    const requested = originForm(req.url ?? '');
    const target = cleanTarget(requested);
    if (!isBelow(root, target)) return undefined;
    for (const [name, values] of extraHeaders) res.setHeader(name, values);
    const exchange = new Exchange(req, res, { target, client: clients.of(req), events, security });
    return exchange
      .run(() => respond(exchange, requested, settings))
      .catch((err: unknown) => respondError(exchange, err, errors));
  };
}

/** The permissions are in `http.headers`, which every response has. They are the same for all paths, so that none is revealed. */
function sendPreflight(exchange: Exchange): void {
  exchange.res.writeHead(204, exchange.commonHeaders()).end();
}

/** To the path with single slashes; 308 for methods that have to be repeated. */
function redirect(exchange: Exchange): void {
  const { req, res, target } = exchange;
  const headers = exchange.commonHeaders();
  headers['location'] = target;
  headers['content-length'] = 0;
  if (hasLongRest(req)) headers['connection'] = 'close';
  res.writeHead(req.method === 'GET' || req.method === 'HEAD' ? 301 : 308, headers);
  endEarly(req, res, Buffer.alloc(0));
}

interface Settings extends DispatcherOptions {
  readonly allowsPreflights: boolean;
  readonly isAllowed: (target: Target) => boolean;
}

/** @param requested the target in the request */
async function respond(exchange: Exchange, requested: string, options: Settings): Promise<void> {
  const { req, target } = exchange;
  const { gate, isHealthy, allowsPreflights } = options;
  if (isHealthy?.() === false) {
    throw new RegistryError('UNAVAILABLE', 'service unavailable', {
      detail: 'health check failed: please see /debug/health',
    });
  }
  if (allowsPreflights && isPreflight(req)) return sendPreflight(exchange);
  if (target !== requested) return redirect(exchange);
  if (req.headers.host === undefined && req.httpVersion === '1.1') {
    throw new RegistryError('UNSUPPORTED', 'a request needs a Host header', { status: 400 });
  }
  if (gate === undefined) {
    await serve(exchange, parse(exchange, options), options);
    return;
  }
  const identified = gate.identify(exchange);
  const caller = identified instanceof Promise ? await identified : identified;
  exchange.identity = caller.identity;
  const parsed = parseFor(caller, exchange, { ...options, gate });
  const admit = (route: FindTarget) => gate.admit(exchange, caller, { request: parsed.request, target: route });
  await serve(exchange, { ...parsed, admit }, options);
}

function parse({ req, target }: Exchange, { prefix }: DispatcherOptions): ParsedRequest {
  return parseOciRequest(req.method ?? '', target.slice(prefix.length - 1));
}

function parseFor(caller: Caller, exchange: Exchange, options: DispatcherOptions & { readonly gate: AccessGate }) {
  try {
    return parse(exchange, options);
  } catch (err) {
    options.gate.admitUnread(exchange, caller);
    throw err;
  }
}

const EVERYTHING: Permissions = { mayPull: () => true, maySee: undefined };

function serve(
  exchange: Exchange,
  {
    request,
    sourceHost,
    admit,
  }: ParsedRequest & { readonly admit?: (route: FindTarget) => Permissions | Promise<Permissions> },
  options: Settings,
): Promise<void> {
  exchange.parsed(request.kind, repositoryOf(request), referenceOf(request));
  const host = hostOf(exchange.req);
  const route = (repository: string) => {
    const found = options.router.route({ repository, sourceHost, host });
    if (found.verification) options.onVerify?.(exchange, found.verification);
    return found;
  };
  const permissions = admit?.(route) ?? EVERYTHING;
  const caller = () => callerOf(exchange, request, { route, gate: options.gate });
  const admitted = { exchange, request, sourceHost, route, caller };
  if (permissions instanceof Promise) return permissions.then((found) => serveAdmitted(admitted, found, options));
  return serveAdmitted(admitted, permissions, options);
}

interface AdmittedRequest extends ParsedRequest {
  readonly exchange: Exchange;
  readonly route: FindTarget;
  /** For upstreams with private repositories. */
  readonly caller: () => AccessCaller;
}

function callerOf(
  exchange: Exchange,
  request: OciRequest,
  { route: target, gate }: { readonly route: FindTarget; readonly gate: AccessGate | undefined },
): AccessCaller {
  const { name, groups, grants } = exchange.identity;
  const isOfGate = name !== '' || grants !== undefined;
  const challenge = gate?.challenge && (() => gate.challenge?.(exchange, { request, target }));
  return { name, groups, authorization: isOfGate ? undefined : exchange.req.headers.authorization, challenge };
}

function serveAdmitted(admitted: AdmittedRequest, permissions: Permissions, options: Settings): Promise<void> {
  const source = privateSourceOf(admitted, permissions);
  return source
    ? source.then(() => serveDecided(admitted, permissions, options))
    : serveDecided(admitted, permissions, options);
}

/** A mount from a repository that may be private waits for the decision. */
function privateSourceOf(
  { request, route, caller }: AdmittedRequest,
  { mayPull }: Permissions,
): Promise<unknown> | undefined {
  if (request.kind !== 'start-upload' || request.from === undefined || request.mount === undefined) return undefined;
  const { from, mount: digest } = request;
  const source = findTarget(() => route(from));
  if (!source?.access || !mayPull(source.storedAs)) return undefined;
  return source.access.decide(source.repository, caller(), { kind: 'blob', digest });
}

function serveDecided(
  { exchange, request, sourceHost, route, caller }: AdmittedRequest,
  { mayPull, maySee }: Permissions,
  options: Settings,
): Promise<void> {
  const { req } = exchange;
  const { routes, passthrough, onServed } = options;
  const { isVisible } = options.router;
  const target = (repository: string): Target => {
    const found = route(repository);
    exchange.routed(found);
    if (onServed) exchange.whenServed((outcome) => onServed({ exchange, request, target: found, outcome }));
    return found.access ? { ...found, registry: found.access.registryFor(caller()) } : found;
  };
  const isAllowed = (found: Target) =>
    options.isAllowed(found) && (found.access?.isAdmitted(found.repository, caller()) ?? true);
  const sees = isVisible ? (stored: string) => (maySee?.(stored) ?? true) && isVisible(stored, caller()) : maySee;
  const mountSource = createMountSource({ route, isAllowed, mayPull });
  const locate = (path: string) => options.locate(req, path);
  const notify = createNotify(options.eventSink, exchange);
  if (passthrough && isWrite(request)) {
    const { relay, ...found } = target(request.repository);
    const context = { exchange, mountSource, locate, notify };
    if (relay) return passthrough.relay({ request, found: { ...found, relay }, context, sourceHost });
  }
  return handle(routes, request, { exchange, target, locate, mountSource, maySee: sees, notify });
}

function repositoryOf(request: OciRequest): string | undefined {
  return 'repository' in request ? request.repository : undefined;
}

function referenceOf(request: OciRequest): string | undefined {
  if ('reference' in request) return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
