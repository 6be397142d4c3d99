import type { Router } from 'express';

import type { FillControl } from '../operations/fill-control.ts';
import { respond } from './respond.ts';

export function addFillRoutes(router: Router, control: FillControl): void {
  router.get(
    '/fills',
    respond(() => control.fills()),
  );
  router.delete(
    '/fills/:digest',
    respond(({ params }) => control.cancelFill(String(params['digest']))),
  );
}
