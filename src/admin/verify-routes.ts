import type { Router } from 'express';

import type { VerifyLog } from '../operations/verify-log.ts';
import { respond } from './respond.ts';

/** `/verify/<nonce>`: which clients requested the image for verification. */
export function addVerifyRoutes(router: Router, log: VerifyLog): void {
  router.get(
    '/verify/:nonce',
    respond(async ({ params }) => ({ verifications: log.findVerifications(String(params['nonce'])) })),
  );
}
