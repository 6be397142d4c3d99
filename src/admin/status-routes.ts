import type { Router } from 'express';

import { HISTORY_RANGES, type StatusControl } from '../operations/status-control.ts';
import { rightsOf } from './guard.ts';
import { oneOf } from './parameters.ts';
import { respond } from './respond.ts';

export function addStatusRoutes(router: Router, control: StatusControl): void {
  router.get(
    '/status',
    respond(async (request) => {
      const status = await control.status();
      // Problems name clients and accounts.
      return rightsOf(request).level === 'viewer' ? { ...status, problems: [] } : status;
    }),
  );
  router.get(
    '/history',
    respond(({ query }) => control.history(oneOf('range', query['range'], HISTORY_RANGES) ?? '1h')),
  );
}
