import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Health } from '../../health/health.ts';

export interface HealthPagesOptions {
  /** Includes every check. Only for operators: checks name hosts. */
  readonly isVerbose: boolean;
}

/** Responds to requests for its pages. @returns false for all others: nothing was done */
export type HealthPages = (req: IncomingMessage, res: ServerResponse) => boolean;

export const LIVE_PATH = '/livez';
export const READY_PATH = '/readyz';

/** Path of a URL, also of one with a host (RFC 9112 section 3.2.2), without the slash at its end. */
const PATH = /^(?:https?:\/\/[^/?]*)?(\/[^/?]*)\/?(?:\?|$)/i;

/**
 * `/livez`: the event loop responds; restart the process otherwise. `/readyz`: whether to send requests here. Orchestrators request them
 * every few seconds, so they do without Express. Like there, paths are compared without case.
 */
export function createHealthPages(health: Health, { isVerbose }: HealthPagesOptions): HealthPages {
  return (req, res) => {
    const path = pathOf(req);
    if (path === LIVE_PATH) sendStatus(res, 200, { status: 'alive' });
    else if (path === READY_PATH) sendReadiness(res, health, isVerbose);
    else return false;
    return true;
  };
}

/** `/` of the registry, which load balancers request by default. Its status is that of the `/v2/` API. */
export function createRootPage(health: Health): HealthPages {
  return (req, res) => {
    if (pathOf(req) !== '/') return false;
    const status = health.isHealthy() ? 200 : 503;
    res.writeHead(status, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache', 'content-length': 0 });
    res.end();
    return true;
  };
}

/** @returns undefined for methods that no page has */
function pathOf({ method, url = '' }: IncomingMessage): string | undefined {
  return method === 'GET' || method === 'HEAD' ? PATH.exec(url)?.[1]?.toLowerCase() : undefined;
}

function sendReadiness(res: ServerResponse, health: Health, isVerbose: boolean): void {
  const status = health.readiness();
  const checks = isVerbose ? { checks: health.report() } : {};
  sendStatus(res, status === 'ready' ? 200 : 503, { status, ...checks });
}

function sendStatus(res: ServerResponse, status: number, fields: object): void {
  const body = Buffer.from(JSON.stringify(fields));
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  res.end(body);
}
