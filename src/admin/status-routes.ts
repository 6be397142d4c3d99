import type { Router } from 'express';

import { HISTORY_RANGES, type StatusControl } from '../operations/status-control.ts';
import { oneOf } from './parameters.ts';
import { respond } from './respond.ts';

export function addStatusRoutes(router: Router, control: StatusControl): void {
  router.get(
    '/status',
    respond(() => control.status()),
  );
  router.get(
    '/history',
    respond(({ query }) => control.history(oneOf('range', query['range'], HISTORY_RANGES) ?? '1h')),
  );
}
