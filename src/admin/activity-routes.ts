import type { Request, Router } from 'express';

import { type ActivityControl, REQUEST_FILTERS, type RequestQuery } from '../operations/activity-control.ts';
import type { ProblemControl } from '../operations/problem-control.ts';
import { oneOf, optionalText, positive } from './parameters.ts';
import { respond } from './respond.ts';

export function addActivityRoutes(router: Router, control: ActivityControl, problems: ProblemControl): void {
  router.get(
    '/requests',
    respond((request) => control.requests(requestQuery(request))),
  );
  router.get(
    '/clients',
    respond(() => control.clients()),
  );
  router.get(
    '/problems',
    respond(async () => ({ problems: await problems.problems() })),
  );
}

function requestQuery({ query }: Request): RequestQuery {
  const { client, only, limit, cursor } = query;
  return {
    client: optionalText(client),
    only: oneOf('only', only, REQUEST_FILTERS),
    limit: limit === undefined ? undefined : positive('limit', limit),
    cursor: optionalText(cursor),
  };
}
