import type { Router } from 'express';

import { respond } from './respond.ts';

/** The description of this API, which `npm run admin-api` generates. */
export function addDocumentRoutes(router: Router): void {
  router.get(
    '/openapi.json',
    respond(async () => (await import('./openapi.json', { with: { type: 'json' } })).default),
  );
}
