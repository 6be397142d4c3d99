import type { Express, Response } from 'express';

import type { Health } from '../../health/health.ts';

export interface HealthPagesOptions {
  /** Tells of every check; not for everybody. */
  readonly isVerbose: boolean;
}

export const LIVE_PATH = '/livez';
export const READY_PATH = '/readyz';

/** `/livez`: the process turns, restart it when there is no answer. `/readyz`: send requests here, or do not. */
export function addHealthPages(app: Express, health: Health, { isVerbose }: HealthPagesOptions): void {
  app.get(LIVE_PATH, (_request, response) => answer(response, 200, { status: 'alive' }));
  app.get(READY_PATH, (_request, response) => {
    const status = health.readiness();
    const checks = isVerbose ? { checks: health.report() } : {};
    answer(response, status === 'ready' ? 200 : 503, { status, ...checks });
  });
}

function answer(response: Response, status: number, body: object): void {
  response.status(status).set('cache-control', 'no-store').json(body);
}
