import type { Request, Router } from 'express';

import { parseRepositoryName } from '../oci/reference.ts';
import type { LayerControl } from '../operations/layer-control.ts';
import type { ManifestControl } from '../operations/manifest-control.ts';
import { type MayPull, REPOSITORY_ORDERS, type RepositoryControl } from '../operations/repository-control.ts';
import { isOn, oneOf, optionalText, positive, requiredText } from './parameters.ts';
import { respond } from './respond.ts';

/** The repositories that the client of a request may see. Undefined: all of them. */
export type VisibleTo = (request: Request) => MayPull | undefined;

export interface BrowsingRoutesOptions {
  readonly repositories: RepositoryControl;
  readonly manifests: ManifestControl;
  readonly layers: LayerControl;
  readonly visibleTo: VisibleTo;
  /** Whose content the client may read. Undefined: all content, also held content. */
  readonly readableBy: VisibleTo;
}

/** Stored content for people: repositories, tags, manifests and referrers. */
export function addBrowsingRoutes(
  router: Router,
  { repositories, manifests, layers, visibleTo, readableBy }: BrowsingRoutesOptions,
): void {
  router.get(
    '/repositories',
    respond((request) => {
      const { query, upstream, sort } = request.query;
      const filter = { query: optionalText(query), upstream: optionalText(upstream) };
      const page = { ...filter, sort: oneOf('sort', sort, REPOSITORY_ORDERS), ...pageOf(request) };
      return repositories.repositories(page, visibleTo(request));
    }),
  );
  // A name has slashes.
  router.get(
    '/repositories/*name/tags',
    respond((request) => {
      const { name } = request.params;
      const repository = parseRepositoryName(Array.isArray(name) ? name.join('/') : String(name));
      const { query, all } = request.query;
      const filter = { repository, query: optionalText(query), all: isOn('all', all) };
      return repositories.tags({ ...filter, ...pageOf(request) }, visibleTo(request));
    }),
  );
  router.get(
    '/manifest',
    respond((request) => {
      const reference = requiredText('reference', request.query['reference']);
      return manifests.manifest({ ...placeOf(request), reference }, readableBy(request));
    }),
  );
  router.get(
    '/layer',
    respond((request) => layers.layer({ ...layerQuery(request), ...pageOf(request) }, readableBy(request))),
  );
  router.get(
    '/referrers',
    respond((request) => {
      const digest = requiredText('digest', request.query['digest']);
      return manifests.referrers({ ...placeOf(request), digest }, readableBy(request));
    }),
  );
}

function layerQuery({ query }: Request) {
  const { repository, digest, prefix } = query;
  return {
    repository: parseRepositoryName(requiredText('repository', repository)),
    digest: requiredText('digest', digest),
    prefix: optionalText(prefix),
  };
}

function placeOf({ query }: Request) {
  const { repository, fetch } = query;
  return { repository: parseRepositoryName(requiredText('repository', repository)), fetch: isOn('fetch', fetch) };
}

function pageOf({ query }: Request) {
  const { limit, cursor } = query;
  return { limit: limit === undefined ? undefined : positive('limit', limit), cursor: optionalText(cursor) };
}
