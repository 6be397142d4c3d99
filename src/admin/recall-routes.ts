import express, { type Router } from 'express';

import { ControlError } from '../operations/control-error.ts';
import type { RecallControl } from '../operations/recall-control.ts';
import { respond } from './respond.ts';

/** `/recalls`: content that no client gets. */
export function createRecallRoutes(recalls: RecallControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(() => recalls.denied()),
  );
  router.post(
    '/',
    respond(({ body }) => recalls.recall({ digests: digestsOf(body), reason: reasonOf(body) })),
  );
  router.delete(
    '/',
    respond(({ body }) => recalls.lift(digestsOf(body))),
  );
  return router;
}

function digestsOf(body: unknown): readonly string[] {
  const { digests } = (body ?? {}) as Record<string, unknown>;
  const isList = Array.isArray(digests) && digests.length > 0;
  if (isList && digests.every((digest) => typeof digest === 'string')) return digests;
  throw new ControlError('invalid', 'digests must be a list of digests');
}

function reasonOf(body: unknown): string | undefined {
  const { reason } = (body ?? {}) as Record<string, unknown>;
  if (reason !== undefined && typeof reason !== 'string') throw new ControlError('invalid', 'reason must be text');
  return reason;
}
