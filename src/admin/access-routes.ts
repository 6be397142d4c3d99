import express, { type Router } from 'express';

import type { AccessControl } from '../operations/access-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { optionalText, positive } from './parameters.ts';
import { respond } from './respond.ts';

/** `/access`: who may read private repositories. */
export function createAccessRoutes(access: AccessControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(({ query: { names, limit } }) =>
      access.accessDecisions({
        names: optionalText(names),
        limit: limit === undefined ? undefined : positive('limit', limit),
      }),
    ),
  );
  router.post(
    '/check',
    respond(({ body }) =>
      access.checkAccess({ name: textOf(body, 'name'), user: optionalText(fieldOf(body, 'user')) }),
    ),
  );
  router.post(
    '/forget',
    respond(({ body }) =>
      access.forgetAccess({ names: textOf(body, 'names'), identity: optionalText(fieldOf(body, 'identity')) }),
    ),
  );
  return router;
}

function fieldOf(body: unknown, key: string): unknown {
  return ((body ?? {}) as Record<string, unknown>)[key];
}

function textOf(body: unknown, key: string): string {
  const text = optionalText(fieldOf(body, key));
  if (text === undefined) throw new ControlError('invalid', `${key} must be text`);
  return text;
}
