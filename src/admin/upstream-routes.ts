import express, { type Request, type Router } from 'express';

import { ControlError } from '../operations/control-error.ts';
import type { UpstreamControl } from '../operations/upstream-control.ts';
import { respond } from './respond.ts';

/** `/upstreams` */
export function createUpstreamRoutes(control: UpstreamControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(async () => ({ upstreams: await control.upstreams() })),
  );
  router.post(
    '/:name/probe',
    respond((request) => control.probeUpstream(nameOf(request))),
  );
  router.post(
    '/:name/reset',
    respond((request) => control.resetUpstream(nameOf(request))),
  );
  router.post(
    '/:name/offline',
    respond((request) => control.setUpstreamOffline(nameOf(request), durationOf(request.body))),
  );
  return router;
}

/** Longer is a change of the configuration. Milliseconds. */
const MAX_OFFLINE_MS = 30 * 86_400_000;

function durationOf(body: unknown): number {
  const { forMs } = (body ?? {}) as Record<string, unknown>;
  if (typeof forMs === 'number' && forMs >= 0 && forMs <= MAX_OFFLINE_MS) return forMs;
  throw new ControlError('invalid', `forMs must be a number of milliseconds from 0 to ${MAX_OFFLINE_MS}`);
}

function nameOf({ params }: Request): string {
  return String(params['name']);
}
