import type { Request, Router } from 'express';

import {
  type CacheControl,
  COLLECTED_KINDS,
  type CollectedPage,
  type CollectionRequest,
  type CollectionStatus,
  type PagedCollectionStatus,
} from '../operations/cache-control.ts';
import { flag, oneOf, optionalText, positive } from './parameters.ts';
import { respond } from './respond.ts';

type CollectionOperations = Pick<CacheControl, 'startCollection' | 'collectionStatus'>;

/** Entries of each list of a result in its status; the rest are on pages. */
const FIRST = 500;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export function addCollectionRoutes(router: Router, cache: CollectionOperations): void {
  router.get(
    '/collection',
    respond(async () => pagedStatus(await cache.collectionStatus())),
  );
  router.post(
    '/collection',
    respond(async ({ body }) => pagedStatus(await cache.startCollection(collectionRequest(body)))),
  );
  router.get(
    '/collection/results',
    respond(async (request) => collectedPage(await cache.collectionStatus(), request)),
  );
}

function pagedStatus({ result, ...status }: CollectionStatus): PagedCollectionStatus {
  if (!result) return status;
  const { manifests, links, blobs, skipped } = result;
  const counts = {
    manifests: manifests.length,
    links: links.length,
    blobs: blobs.length,
    skipped: skipped.length,
  };
  const first = {
    manifests: manifests.slice(0, FIRST),
    links: links.slice(0, FIRST),
    blobs: blobs.slice(0, FIRST),
    skipped: skipped.slice(0, FIRST),
  };
  return { ...status, counts, result: { ...result, ...first } };
}

/** The cursor is the number of entries before it: a result does not change until the next collection. */
function collectedPage({ result }: CollectionStatus, { query }: Request): CollectedPage {
  const kind = oneOf('kind', query['kind'], COLLECTED_KINDS) ?? 'manifests';
  const cursor = optionalText(query['cursor']);
  const limit = query['limit'] === undefined ? DEFAULT_LIMIT : Math.min(positive('limit', query['limit']), MAX_LIMIT);
  const all = result?.[kind] ?? [];
  const start = cursor === undefined ? 0 : positive('cursor', cursor);
  const end = start + limit;
  return { collected: all.slice(start, end), total: all.length, cursor: end < all.length ? String(end) : undefined };
}

function collectionRequest(body: unknown): CollectionRequest {
  const { dryRun, deleteUntagged, graceMs } = (body ?? {}) as Record<string, unknown>;
  return {
    ...(dryRun !== undefined && { dryRun: flag('dryRun', dryRun) }),
    ...(deleteUntagged !== undefined && { deleteUntagged: flag('deleteUntagged', deleteUntagged) }),
    ...(graceMs !== undefined && { graceMs: graceMs === 0 ? 0 : positive('graceMs', graceMs) }),
  };
}
