import express, { type Router } from 'express';

import type { PolicyControl } from '../operations/policy-control.ts';
import { requiredText } from './parameters.ts';
import { respond } from './respond.ts';

/** `/policy`: rules for content of upstreams. */
export function createPolicyRoutes(policy: PolicyControl): Router {
  const router = express.Router();
  router.get(
    '/check',
    respond(({ query }) => policy.checkPolicy(requiredText('name', query['name']))),
  );
  router.get(
    '/changes',
    respond(async () => ({ changes: await policy.policyChanges() })),
  );
  router.get(
    '/held',
    respond(async () => ({ held: await policy.heldContent() })),
  );
  router.post(
    '/releases',
    respond(({ body }) => {
      const { name, reason } = (body ?? {}) as Record<string, unknown>;
      return policy.releaseContent(requiredText('name', name), requiredText('reason', reason));
    }),
  );
  return router;
}
