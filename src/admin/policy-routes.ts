import express, { type Router } from 'express';

import { ControlError } from '../operations/control-error.ts';
import type { PolicyControl, TagHistoryControl } from '../operations/policy-control.ts';
import { respond } from './respond.ts';

/** `/policy`: rules for content of upstreams. */
export function createPolicyRoutes(policy: PolicyControl): Router {
  const router = express.Router();
  router.get(
    '/check',
    respond(({ query }) => policy.checkPolicy(text('name', query['name']))),
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
      return policy.releaseContent(text('name', name), text('reason', reason));
    }),
  );
  return router;
}

/** `/tag-history` */
export function createTagHistoryRoutes(histories: TagHistoryControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(({ query }) => histories.tagHistory(text('name', query['name']))),
  );
  return router;
}

function text(key: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ControlError('invalid', `${key} is missing`);
}
