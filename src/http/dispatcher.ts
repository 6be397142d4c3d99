import type { IncomingMessage, ServerResponse } from 'node:http';

import { RegistryError } from '../oci/errors.ts';
import { type OciRequest, parseOciRequest } from '../oci/request.ts';
import { referenceText } from '../oci/reference.ts';
import type { Router, Target } from '../registry/router.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { answerError } from './answer-error.ts';
import type { Clients } from './client-address.ts';
import { Exchange } from './exchange.ts';
import { hostOf } from './host-of.ts';
import type { Locate } from './locate.ts';
import { handle, type RouteTable } from './route-table.ts';

export interface DispatcherOptions {
  readonly router: Router;
  readonly routes: RouteTable;
  readonly telemetry: Telemetry;
  /** Starts and ends with `/`. */
  readonly prefix: string;
  readonly clients: Clients;
  readonly locate: Locate;
  /** Added to every answer. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly isHealthy: () => boolean;
}

/** Takes what is the registry's, and says whether it was. */
export type Dispatcher = (req: IncomingMessage, res: ServerResponse) => boolean;

/**
 * Everything under `/v2/`, without Express: names contain slashes, bodies are gigabytes, and a cached manifest should cost
 * microseconds. It can be mounted in an Express application: `app.use((req, res, next) => dispatch(req, res) || next())`.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { prefix, clients, telemetry } = options;
  const root = `${prefix}v2`;
  const extraHeaders = Object.entries(options.headers);
  return (req, res) => {
    const target = originForm(req.url ?? '');
    if (!isBelow(root, target)) return false;
    for (const [name, values] of extraHeaders) res.setHeader(name, values);
    const exchange = new Exchange(req, res, { target, client: clients.of(req), telemetry });
    answer(exchange, options).catch((err: unknown) => answerError(exchange, err, telemetry.log));
    return true;
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

async function answer(exchange: Exchange, options: DispatcherOptions): Promise<void> {
  const { req } = exchange;
  const { router, routes, isHealthy, prefix } = options;
  if (!isHealthy()) {
    throw new RegistryError('UNAVAILABLE', 'service unavailable', {
      detail: 'health check failed: please see /debug/health',
    });
  }
  if (req.headers.host === undefined && req.httpVersion === '1.1') {
    throw new RegistryError('UNSUPPORTED', 'a request needs a Host header', { status: 400 });
  }
  const { request, sourceHost } = parseOciRequest(req.method ?? '', exchange.target.slice(prefix.length - 1));
  exchange.recognised(request.kind, repositoryOf(request), referenceOf(request));
  const target = (repository: string): Target => {
    const found = router.route({ repository, sourceHost, host: hostOf(req) });
    exchange.routed(found);
    return found;
  };
  const locate = (path: string) => options.locate(req, path);
  await handle(routes, request, { exchange, target, locate, mayPull: () => true, notify: async () => {} });
}

function repositoryOf(request: OciRequest): string | undefined {
  return 'repository' in request ? request.repository : undefined;
}

function referenceOf(request: OciRequest): string | undefined {
  if ('reference' in request) return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
