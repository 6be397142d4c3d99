import type { IncomingMessage, ServerResponse } from 'node:http';

import { RegistryError } from '../oci/errors.ts';
import { type OciRequest, parseOciRequest } from '../oci/request.ts';
import { referenceText } from '../oci/reference.ts';
import type { Router, Target } from '../registry/router.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { answerError } from './answer-error.ts';
import { Exchange } from './exchange.ts';
import { handle, type RouteTable } from './route-table.ts';

export interface DispatcherOptions {
  readonly router: Router;
  readonly routes: RouteTable;
  readonly telemetry: Telemetry;
  /** Starts and ends with `/`. */
  readonly prefix: string;
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
  const root = `${options.prefix}v2`;
  const extraHeaders = Object.entries(options.headers);
  return (req, res) => {
    const url = req.url ?? '';
    if (!isBelow(root, url)) return false;
    for (const [name, values] of extraHeaders) res.setHeader(name, values);
    const exchange = new Exchange(req, res, {
      url: url.slice(options.prefix.length - 1),
      telemetry: options.telemetry,
    });
    answer(exchange, options).catch((err: unknown) => answerError(exchange, err, options.telemetry.log));
    return true;
  };
}

/** `/v2` itself, below it, or with a query behind it. */
function isBelow(root: string, url: string): boolean {
  if (!url.startsWith(root)) return false;
  const next = url[root.length];
  return next === undefined || next === '/' || next === '?';
}

async function answer(exchange: Exchange, { router, routes, isHealthy }: DispatcherOptions): Promise<void> {
  const { req, url } = exchange;
  if (!isHealthy()) {
    throw new RegistryError('UNAVAILABLE', 'service unavailable', {
      detail: 'health check failed: please see /debug/health',
    });
  }
  const { request, sourceHost } = parseOciRequest(req.method ?? '', url);
  exchange.recognised(request.kind, repositoryOf(request), referenceOf(request));
  const target = (repository: string): Target => {
    const found = router.route({ repository, sourceHost, host: req.headers.host });
    exchange.routed(found);
    return found;
  };
  await handle(routes, request, { exchange, target });
}

function repositoryOf(request: OciRequest): string | undefined {
  return 'repository' in request ? request.repository : undefined;
}

function referenceOf(request: OciRequest): string | undefined {
  if ('reference' in request) return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
