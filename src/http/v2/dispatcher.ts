import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Caller } from '../../auth/auth.ts';
import { RegistryError } from '../../oci/errors.ts';
import { type OciRequest, type ParsedRequest, parseOciRequest } from '../../oci/request.ts';
import { referenceText } from '../../oci/reference.ts';
import { isWrite } from '../../oci/write-request.ts';
import type { Router, Target } from '../../pull-through/router.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerError } from './respond-error.ts';
import type { Gate, Permissions } from '../auth/authorize.ts';
import { cleanTarget } from './clean-target.ts';
import type { Clients } from '../client/client-address.ts';
import { allowsOrigins, isPreflight } from './cors.ts';
import { Exchange } from './exchange.ts';
import { hostOf } from '../client/host-of.ts';
import type { Locate } from '../client/locate.ts';
import { createMountSource } from './mount-source.ts';
import { createNotify, type Listening } from './notify.ts';
import type { Passthrough } from '../passthrough/passthrough.ts';
import { type FindTarget, handle, type RouteTable } from './route-table.ts';
import { SecurityHeaders } from '../listen/security-headers.ts';
import { endEarly, hasLongRest } from '../listen/unread-body.ts';

export interface DispatcherOptions {
  readonly router: Router;
  readonly routes: RouteTable;
  readonly telemetry: Telemetry;
  /** Starts and ends with `/`. */
  readonly prefix: string;
  readonly clients: Clients;
  readonly locate: Locate;
  /** Undefined: everybody may do everything. */
  readonly gate: Gate | undefined;
  /** Added to every answer; they count before our own security headers. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly isHealthy: () => boolean;
  readonly passthrough: Passthrough;
  /** Undefined: nobody wants to be told what clients do to content. */
  readonly listening: Listening | undefined;
}

/**
 * Takes what is the registry's.
 *
 * @returns undefined when it was not; resolves when nothing is done for the request any more, which may be after its response has ended
 */
export type Dispatcher = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

/**
 * Everything under `/v2/`, without Express: names contain slashes, bodies are gigabytes, and a cached manifest should cost
 * microseconds. It can be mounted in an Express application: `app.use((req, res, next) => dispatch(req, res) || next())`.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { prefix, clients, telemetry } = options;
  const root = `${prefix}v2`;
  const extraHeaders = Object.entries(options.headers);
  const security = new SecurityHeaders(options.headers);
  const settings = { ...options, answersPreflights: allowsOrigins(options.headers) };
  return (req, res) => {
    const asked = originForm(req.url ?? '');
    const target = cleanTarget(asked);
    if (!isBelow(root, target)) return undefined;
    for (const [name, values] of extraHeaders) res.setHeader(name, values);
    const exchange = new Exchange(req, res, { target, client: clients.of(req), telemetry, security });
    return exchange
      .run(() => answer(exchange, asked, settings))
      .catch((err: unknown) => answerError(exchange, err, telemetry.log));
  };
}

/** Path and query, of a target that may name the host as well: RFC 9112, section 3.2.2. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const [origin = ''] = /^https?:\/\/[^/?#]*/i.exec(target) ?? [];
  return target.slice(origin.length);
}

/** `/v2` itself, below it, or with a query behind it. */
function isBelow(root: string, target: string): boolean {
  if (!target.startsWith(root)) return false;
  const next = target[root.length];
  return next === undefined || next === '/' || next === '?';
}

/** What a page may do is in `http.headers`, which every answer has. It is the same for all paths and tells of none. */
function sendPreflight(exchange: Exchange): void {
  exchange.res.writeHead(204, exchange.commonHeaders()).end();
}

/** To the path with single slashes, which begins with the registry's own; 308 for what has to be sent again as it is. */
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
  readonly answersPreflights: boolean;
}

/** @param asked the target as the client wrote it */
async function answer(exchange: Exchange, asked: string, options: Settings): Promise<void> {
  const { req, target } = exchange;
  const { gate, isHealthy, answersPreflights } = options;
  if (!isHealthy()) {
    throw new RegistryError('UNAVAILABLE', 'service unavailable', {
      detail: 'health check failed: please see /debug/health',
    });
  }
  if (answersPreflights && isPreflight(req)) return sendPreflight(exchange);
  if (target !== asked) return redirect(exchange);
  if (req.headers.host === undefined && req.httpVersion === '1.1') {
    throw new RegistryError('UNSUPPORTED', 'a request needs a Host header', { status: 400 });
  }
  if (gate === undefined) {
    await serve(exchange, parse(exchange, options), options);
    return;
  }
  const found = gate.identify(exchange);
  const caller = found instanceof Promise ? await found : found;
  exchange.identity = caller.identity;
  const parsed = parseFor(caller, exchange, { ...options, gate });
  const admit = (route: FindTarget) => gate.admit(exchange, caller, { request: parsed.request, target: route });
  await serve(exchange, { ...parsed, admit }, options);
}

function parse({ req, target }: Exchange, { prefix }: DispatcherOptions): ParsedRequest {
  return parseOciRequest(req.method ?? '', target.slice(prefix.length - 1));
}

function parseFor(caller: Caller, exchange: Exchange, options: DispatcherOptions & { readonly gate: Gate }) {
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
  { request, sourceHost, admit }: ParsedRequest & { readonly admit?: (route: FindTarget) => Permissions },
  options: DispatcherOptions,
): Promise<void> {
  const { req } = exchange;
  const { router, routes } = options;
  exchange.recognised(request.kind, repositoryOf(request), referenceOf(request));
  const route = (repository: string) => router.route({ repository, sourceHost, host: hostOf(req) });
  const { mayPull, maySee } = admit?.(route) ?? EVERYTHING;
  const target = (repository: string): Target => {
    const found = route(repository);
    exchange.routed(found);
    return found;
  };
  const mountSource = createMountSource({ route, isAllowed: (found) => router.isAllowed(found), mayPull });
  const locate = (path: string) => options.locate(req, path);
  const notify = createNotify(options.listening, exchange);
  if (isWrite(request)) {
    const { relay, ...found } = target(request.repository);
    const context = { exchange, mountSource, locate, notify };
    if (relay) return options.passthrough.relay({ request, found: { ...found, relay }, context, sourceHost });
  }
  return handle(routes, request, { exchange, target, locate, mountSource, maySee, notify });
}

function repositoryOf(request: OciRequest): string | undefined {
  return 'repository' in request ? request.repository : undefined;
}

function referenceOf(request: OciRequest): string | undefined {
  if ('reference' in request) return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
