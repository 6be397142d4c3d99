import type { Express, Response } from 'express';

import type { Health } from '../../health/health.ts';

export interface HealthPagesOptions {
  /** Includes every check. Only for operators: checks name hosts. */
  readonly isVerbose: boolean;
}

export const LIVE_PATH = '/livez';
export const READY_PATH = '/readyz';

/** `/livez`: the event loop responds; restart the process otherwise. `/readyz`: whether to send requests here. */
export function addHealthPages(app: Express, health: Health, { isVerbose }: HealthPagesOptions): void {
  app.get(LIVE_PATH, (_request, response) => sendStatus(response, 200, { status: 'alive' }));
  app.get(READY_PATH, (_request, response) => {
    const status = health.readiness();
    const checks = isVerbose ? { checks: health.report() } : {};
    sendStatus(response, status === 'ready' ? 200 : 503, { status, ...checks });
  });
}

function sendStatus(response: Response, status: number, body: object): void {
  response.status(status).set('cache-control', 'no-store').json(body);
}
