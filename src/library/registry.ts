/**
 * Registries: the interface, a registry of pushed content, a pull-through cache, and registries made of other registries.
 *
 * @module
 */
import { delegate } from '../filters/delegate.ts';
import { limitUploads } from '../filters/limit-uploads.ts';
import type { Registry } from '../registry/registry.ts';
import { closeOnFailure, CloseStack } from '../service/close-stack.ts';
import { cacheUpstream, type UpstreamCacheOptions } from './cache-upstream.ts';
import { type ContentOptions, type FillOptions, openContent, openFills } from './open-content.ts';

export { allowNames } from '../filters/allow-names.ts';
export { limitUploads } from '../filters/limit-uploads.ts';
export {
  createNameFilter,
  type NameFilter,
  type NameFilterOptions,
  type NameRefusal,
  refuseNames,
} from '../filters/name-filter.ts';
export { type DescribeRefusal, readOnly } from '../filters/read-only.ts';
export type {
  Bandwidth,
  CallOptions,
  Manifest,
  ManifestPut,
  MountedBlob,
  MountSource,
  OpenBlob,
  Outcome,
  PushedManifest,
  RedirectedBlob,
  RedirectRequest,
  Registry,
  RegistryDeleter,
  RegistryLister,
  RegistryReader,
  RegistryWriter,
  Served,
  UploadBody,
  UploadSession,
  UploadWriter,
  UpstreamLogin,
} from '../registry/registry.ts';
export type { ByteSource } from '../stream/byte-source.ts';
export type { Damage, DamageListener } from '../content/damage.ts';
export type { FillEvent, FillEvents } from '../fills/fill-events.ts';
export type { StorageFullEvents } from '../fills/fills.ts';
export type { UploadReference } from '../oci/write-request.ts';
export type { ManifestEvents, StaleServed } from '../pull-through/manifest-events.ts';
export type { CacheEvents, ContentOptions, FillOptions } from './open-content.ts';
export type { UpstreamCacheOptions } from './cache-upstream.ts';

/** A registry that holds something open. */
export interface OpenRegistry extends Registry {
  /** Resolves when nothing is written any more. Call it when no call is in progress. */
  close(): Promise<void>;
}

export interface HostedOptions extends ContentOptions {
  /** Accept deletes of manifests, tags and blobs. @default true */
  readonly deletes?: boolean;
  /** Of one blob, in bytes; 0: no limit. @default 0 */
  readonly maxBlobBytes?: number;
}

/**
 * A registry of the content in a storage, in the layout of distribution: each serves what the other wrote. A manifest is accepted when the
 * content that it refers to is in the repository.
 */
export function hosted({ deletes = true, maxBlobBytes = 0, ...options }: HostedOptions): OpenRegistry {
  const { registry } = openContent(options, { deletes });
  return { ...delegate(limitUploads(registry, maxBlobBytes)), close: () => registry.close() };
}

export interface PullThroughOptions extends UpstreamCacheOptions, FillOptions, Omit<ContentOptions, 'secret'> {}

/**
 * A registry that serves from a storage, and fills it from one upstream. Clients that want the same blob share one download. Cached tags are
 * served while the upstream is unavailable. Writes reject with `UNSUPPORTED`.
 *
 * Repositories have their names at the upstream, such as `library/alpine`.
 *
 * @throws when the file of `tls.caFile` cannot be read, or the directory of unfinished fills cannot be created; then nothing stays open
 */
export function pullThrough(options: PullThroughOptions): Promise<OpenRegistry> {
  return closeOnFailure(async (opened) => {
    const content = openContent(options, { deletes: false });
    opened.use(content.registry);
    const connections = opened.use(new CloseStack()); // closed after the fills that use them
    const fills = await openFills({ ...options, store: content.store, opened });
    const { registry } = connections.use(cacheUpstream(options, { content, fills, storePrefix: '' }));
    return { ...delegate(registry), close: () => opened.close() };
  });
}
