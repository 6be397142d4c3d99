import express, { type Router } from 'express';

import type { TagHistoryControl } from '../operations/policy-control.ts';
import { requiredText } from './parameters.ts';
import { respond } from './respond.ts';

/** `/tag-history`: what a tag has named. */
export function createTagHistoryRoutes(histories: TagHistoryControl): Router {
  const router = express.Router();
  router.get(
    '/',
    respond(({ query }) => histories.tagHistory(requiredText('name', query['name']))),
  );
  return router;
}
