/**
 * A pull-through cache and registry to embed: several upstreams and pushed content in one storage, behind one handler.
 *
 * @module
 */
import { allowNames } from '../filters/allow-names.ts';
import { limitUploads } from '../filters/limit-uploads.ts';
import { createNameFilter, refuseNames } from '../filters/name-filter.ts';
import { Router, type UpstreamRoute } from '../pull-through/router.ts';
import type { Registry } from '../registry/registry.ts';
import { closeOnFailure, CloseStack } from '../service/close-stack.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { createFilesystemDriver } from '../storage/filesystem/filesystem.ts';
import { cacheUpstream, type UpstreamCacheOptions } from './cache-upstream.ts';
import { createRoutedHandler, type Handler, type HandlerOptions } from './request-handler.ts';
import { type ContentOptions, type FillOptions, openContent, type OpenContent, openFills } from './open-content.ts';
import { routeByName } from './routed-registry.ts';

export interface LayoverOptions extends HandlerOptions, FillOptions, Omit<ContentOptions, 'storage'> {
  /** A directory, created when missing; or a storage driver, which the caller closes after Layover. */
  readonly storage: string | StorageDriver;
  /** Registries to cache. Clients choose one by `?ns=<upstream>` or by the prefix `<upstream>/` of a name. @default none */
  readonly upstreams?: readonly LayoverUpstream[];
  /** Globs over the names that clients push to, such as `team/**`. @default all names without upstreams, otherwise none */
  readonly hosted?: readonly string[];
  /** Accept deletes of hosted manifests, tags and blobs. @default true */
  readonly deletes?: boolean;
  /** Of one pushed blob, in bytes; 0: no limit. @default 0 */
  readonly maxBlobBytes?: number;
}

export interface LayoverUpstream extends UpstreamCacheOptions {
  /** Serves the names that choose no upstream. @default false */
  readonly isDefault?: boolean;
  /** A name of one segment means `library/<name>`. @default true for docker.io */
  readonly library?: boolean;
  /** Globs over names at the upstream. @default all */
  readonly allow?: readonly string[];
  /** @default none */
  readonly deny?: readonly string[];
}

export interface Layover {
  /** Serves `<prefix>v2/`; see {@link Handler}. */
  readonly handler: Handler;
  /** The same content without HTTP: hosted names, and those of upstreams with their prefix, such as `docker.io/library/alpine`. */
  readonly registry: Registry;
  /** Resolves when nothing is written any more. Stop the server that uses {@link handler} first. */
  close(): Promise<void>;
}

/**
 * Opens the storage and creates the cache. Contacts no upstream.
 *
 * @throws when the storage or the directory of unfinished fills cannot be opened; then nothing stays open
 */
export function createLayover(options: LayoverOptions): Promise<Layover> {
  return closeOnFailure((opened) => open(options, opened));
}

async function open(options: LayoverOptions, opened: CloseStack): Promise<Layover> {
  const { upstreams = [], hosted = [], deletes = true, maxBlobBytes = 0 } = options;
  const storage = await openStorage(options.storage, opened);
  const content = openContent({ ...options, storage }, { deletes });
  opened.use(content.registry);
  const routes = await openRoutes(upstreams, { ...options, storage, content, opened });
  const router = new Router({
    upstreams: routes,
    hostedNames: hosted,
    hosted: limitUploads(content.registry, maxBlobBytes),
  });
  const registry = routeByName(router, content.registry);
  return { handler: createRoutedHandler(router, registry, options), registry, close: () => opened.close() };
}

async function openStorage(storage: string | StorageDriver, opened: CloseStack): Promise<StorageDriver> {
  if (typeof storage !== 'string') return storage;
  return opened.use(await createFilesystemDriver({ rootDirectory: storage }));
}

interface RouteParts extends FillOptions {
  readonly storage: StorageDriver;
  readonly content: OpenContent;
  readonly opened: CloseStack;
}

async function openRoutes(upstreams: readonly LayoverUpstream[], parts: RouteParts): Promise<UpstreamRoute[]> {
  if (upstreams.length === 0) return [];
  const { content, opened } = parts;
  const connections = opened.use(new CloseStack()); // closed after the fills that use them
  const fills = await openFills({ ...parts, store: content.store });
  return upstreams.map((options) => {
    const { upstream: name, isDefault = false, library = name === 'docker.io', allow = [], deny = [] } = options;
    const cached = connections.use(cacheUpstream(options, { content, fills, storePrefix: name }));
    const isAllowed = createNameFilter({ allow, deny });
    const registry = allowNames(cached.registry, refuseNames(isAllowed, name));
    return { name, aliases: [], library, isDefault, storePrefix: name, registry, isAllowed };
  });
}
