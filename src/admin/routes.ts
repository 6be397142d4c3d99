import express, { type ErrorRequestHandler, type Request, type Router } from 'express';

import type { ActivityControl } from '../operations/activity-control.ts';
import type { AccessControl } from '../operations/access-control.ts';
import { createAccessRoutes } from './access-routes.ts';
import type { AdminEvents } from '../operations/admin-events.ts';
import type { BudgetControl, BudgetHold } from '../operations/budget-control.ts';
import type { BulkControl } from '../operations/bulk-control.ts';
import type { BundleControl } from '../operations/bundle-control.ts';
import { type CacheControl, type EvictOptions, LIST_ORDERS, type ListQuery } from '../operations/cache-control.ts';
import type { EventControl } from '../operations/event-control.ts';
import type { FillControl } from '../operations/fill-control.ts';
import type { JobControl } from '../operations/job-control.ts';
import type { PolicyControl, TagHistoryControl } from '../operations/policy-control.ts';
import type { RecallControl } from '../operations/recall-control.ts';
import type { RecordingControl } from '../operations/recording-control.ts';
import type { PullLog, PullQuery } from '../operations/pull-log.ts';
import type { VerifyLog } from '../operations/verify-log.ts';
import type { MayPull } from '../operations/repository-control.ts';
import type { ProblemControl } from '../operations/problem-control.ts';
import type { StatusControl } from '../operations/status-control.ts';
import type { UpstreamControl } from '../operations/upstream-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { RegistryError } from '../oci/errors.ts';
import { type AdminErrorBody, STATUS_OF } from './api.ts';
import { requireJson } from './require-json.ts';
import { addActivityRoutes } from './activity-routes.ts';
import { addBrowsingRoutes, type BrowsingRoutesOptions } from './browsing-routes.ts';
import { addBundleRoutes } from './bundle-routes.ts';
import { checkRequest } from './check-request.ts';
import { addDocumentRoutes } from './document-routes.ts';
import { addEventRoutes } from './event-routes.ts';
import { addFillRoutes } from './fill-routes.ts';
import { includes } from '../sign-in/rights.ts';
import { rightsOf } from './guard.ts';
import { createJobRoutes } from './job-routes.ts';
import { createPolicyRoutes } from './policy-routes.ts';
import { createTagHistoryRoutes } from './tag-history-routes.ts';
import { createRecallRoutes } from './recall-routes.ts';
import { createRecordingRoutes } from './recording-routes.ts';
import { createSessionRoutes, type SessionRoutesOptions } from './session-routes.ts';
import { addSetupRoutes, type DescribeSetup } from './setup-routes.ts';
import { addStatusRoutes } from './status-routes.ts';
import { createUpstreamRoutes } from './upstream-routes.ts';
import { recordChanges } from './record-changes.ts';
import { respond } from './respond.ts';
import { addVerifyRoutes } from './verify-routes.ts';
import { flag, oneOf, optionalText, positive, texts } from './parameters.ts';
import { addCollectionRoutes } from './collection-routes.ts';
import { addStorageRoutes, type StorageRoutesOptions } from './storage-routes.ts';

export interface AdminRoutesOptions
  extends SessionRoutesOptions,
    Omit<BrowsingRoutesOptions, 'visibleTo' | 'readableBy'>,
    StorageRoutesOptions {
  readonly cache: CacheControl;
  readonly activity: ActivityControl;
  readonly problems: ProblemControl;
  readonly status: StatusControl;
  readonly fills: FillControl;
  readonly events: EventControl;
  /** Absent without upstreams. */
  readonly upstreams?: UpstreamControl | undefined;
  /** Absent without upstreams. */
  readonly budget?: BudgetControl | undefined;
  /** Absent when every client may read every repository of the upstreams. */
  readonly access?: AccessControl | undefined;
  readonly bundles: BundleControl;
  readonly recalls: RecallControl;
  /** Absent without rules. */
  readonly policy?: PolicyControl | undefined;
  readonly tagHistories: TagHistoryControl;
  /** Absent without upstreams. */
  readonly jobs?: JobControl | undefined;
  /** Absent without upstreams. */
  readonly recordings?: RecordingControl | undefined;
  readonly pulls: PullLog;
  readonly verifications: VerifyLog;
  readonly changes: AdminEvents;
  readonly describeSetup: DescribeSetup;
  /** Reports an internal error. */
  readonly onError: (error: unknown) => void;
}

/** Viewers may pull what they see, and held content is pulled by none. */
function readableBy(request: Request): MayPull | undefined {
  const { level, mayPull } = rightsOf(request);
  return mayPull ?? (includes(level, 'reader') ? undefined : () => true);
}

/** The admin API, to be mounted at `ADMIN_PATH` behind a check of the client. */
export function createAdminRoutes(options: AdminRoutesOptions): Router {
  const { cache, activity, problems, status, fills, upstreams } = options;
  const { access, budget, bundles, recalls, jobs, recordings, pulls, verifications, describeSetup } = options;
  const { guard, onError } = options;
  const router = express.Router();
  router.use(requireJson);
  router.use(['/check', '/bundles'], express.json({ limit: '1mb' }));
  router.use('/jobs', express.json({ limit: '4mb' }));
  router.use(['/evict', '/pins'], express.json({ limit: '256kb' }));
  router.use(express.json({ limit: '16kb' }));
  router.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  const addressOf = guard.kind === 'guarded' ? guard.addressOf : peerOf;
  router.use(recordChanges({ events: options.changes, addressOf }));
  router.use('/session', createSessionRoutes(options));
  addRoutes(router, cache, options.bulk);
  addCollectionRoutes(router, cache);
  addStorageRoutes(router, options);
  addBrowsingRoutes(router, { ...options, visibleTo: (request) => rightsOf(request).mayPull, readableBy });
  addActivityRoutes(router, activity, problems);
  addStatusRoutes(router, status);
  addFillRoutes(router, fills);
  addEventRoutes(router, options.events);
  if (upstreams) router.use('/upstreams', createUpstreamRoutes(upstreams));
  if (budget) addBudgetRoutes(router, budget);
  if (access) router.use('/access', createAccessRoutes(access));
  addCheck(router, cache);
  addBundleRoutes(router, bundles);
  router.use('/recalls', createRecallRoutes(recalls));
  if (options.policy) router.use('/policy', createPolicyRoutes(options.policy));
  router.use('/tag-history', createTagHistoryRoutes(options.tagHistories));
  if (jobs) router.use('/jobs', createJobRoutes(jobs));
  if (recordings) router.use('/recordings', createRecordingRoutes(recordings));
  addVerifyRoutes(router, verifications);
  addDocumentRoutes(router);
  addSetupRoutes(router, describeSetup);
  router.get(
    '/audit/pulls',
    respond((request) => pulls.findPulls(pullQuery(request))),
  );
  router.use(() => {
    throw new ControlError('not-found', 'no such page in the admin API');
  });
  router.use(respondAdminError(onError));
  return router;
}

/** Absent on a socket. */
function peerOf({ socket }: Request): string {
  return socket.remoteAddress ?? 'unix';
}

function addRoutes(router: Router, cache: CacheControl, bulk: BulkControl): void {
  router.get(
    '/cache',
    respond((request) => cache.list(listQuery(request))),
  );
  router.get(
    '/cache/entry',
    respond(({ query }) => cache.show(textOf(query, 'name'))),
  );
  router.post(
    '/evict',
    respond(({ body }) => {
      const { names, dryRun = false } = bodyOf(body);
      if (names === undefined) return cache.evict(textOf(body, 'name'), evictOptions(body));
      return bulk.evictAll({ names: texts('names', names), dryRun: flag('dryRun', dryRun), ...evictOptions(body) });
    }),
  );
  router.post(
    '/refresh',
    respond(({ body }) => cache.refresh(textOf(body, 'name'))),
  );
  router.get(
    '/pins',
    respond(() => cache.pins().then((pins) => ({ pins }))),
  );
  router.post(
    '/pins',
    respond(({ body }) => {
      const { patterns, dryRun = false } = bodyOf(body);
      if (patterns === undefined) return cache.pin(textOf(body, 'pattern'));
      return bulk.pinAll({ patterns: texts('patterns', patterns), dryRun: flag('dryRun', dryRun) });
    }),
  );
  router.delete(
    '/pins',
    respond(({ body }) => cache.unpin(textOf(body, 'pattern'))),
  );
  router.get(
    '/stats',
    respond(() => cache.stats()),
  );
  router.get(
    '/scrub',
    respond(() => cache.scrubStatus()),
  );
  router.post(
    '/scrub',
    respond(() => cache.startScrub()),
  );
  router.get(
    '/index/rebuild',
    respond(() => cache.rebuildStatus()),
  );
  router.post(
    '/index/rebuild',
    respond(() => cache.startRebuild()),
  );
}

function addBudgetRoutes(router: Router, budget: BudgetControl): void {
  router.get(
    '/budget',
    respond(({ query }) => budget.budget(query['upstream'] === undefined ? undefined : textOf(query, 'upstream'))),
  );
  router.post(
    '/budget/hold',
    respond(({ body }) => budget.holdBudget(holdRequest(body))),
  );
}

function addCheck(router: Router, cache: CacheControl): void {
  router.post(
    '/check',
    respond(({ body }) => cache.check(checkRequest(body))),
  );
}

/** Express recognises an error handler by its four parameters. */
export function respondAdminError(onError: (error: unknown) => void): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status === 500) onError(error);
    if (status === 401) response.set('www-authenticate', 'Bearer realm="layover-admin"');
    const retryAfterMs = error instanceof RegistryError ? error.options.retryAfterMs : undefined;
    if (retryAfterMs !== undefined) response.set('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    const isShown = status !== 500 && error instanceof Error;
    const body: AdminErrorBody = {
      error: {
        reason: error instanceof ControlError ? error.reason : status < 500 ? 'invalid' : 'internal',
        message: isShown ? error.message : 'internal error; see the log',
      },
    };
    response.status(status).json(body);
  };
}

/** A `RegistryError` and Express's errors of bad requests have a status. */
function statusOf(error: unknown): number {
  if (error instanceof ControlError) return STATUS_OF[error.reason];
  const { status } = (error ?? {}) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

function listQuery({ query }: Request): ListQuery {
  const { filter, sort, kind, limit, cursor } = query;
  return {
    filter: optionalText(filter),
    sort: oneOf('sort', sort, LIST_ORDERS),
    kind: oneOf('kind', kind, ['manifest', 'blob'] as const),
    limit: limit === undefined ? undefined : positive('limit', limit),
    cursor: optionalText(cursor),
  };
}

function pullQuery({ query }: Request): PullQuery {
  const { image, digest, client, since, limit, cursor } = query;
  return {
    image: optionalText(image),
    digest: optionalText(digest),
    client: optionalText(client),
    since: since === undefined ? undefined : positive('since', since),
    limit: limit === undefined ? undefined : positive('limit', limit),
    cursor: optionalText(cursor),
  };
}

function bodyOf(body: unknown): Readonly<Record<string, unknown>> {
  return (body ?? {}) as Record<string, unknown>;
}

function evictOptions(body: unknown): EvictOptions {
  const { force } = (body ?? {}) as Record<string, unknown>;
  return force === undefined ? {} : { force: flag('force', force) };
}

function holdRequest(body: unknown): BudgetHold {
  const { hold, upstream } = (body ?? {}) as Record<string, unknown>;
  return { hold: hold === undefined ? true : flag('hold', hold), upstream: optionalText(upstream) };
}

function textOf(from: unknown, key: string): string {
  const value = (from as Record<string, unknown> | undefined)?.[key];
  if (typeof value !== 'string' || value === '') throw new ControlError('invalid', `${key} is missing`);
  return value;
}
