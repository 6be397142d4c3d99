import { type ConnectOptions, openUpstream } from '../client/connect.ts';
import { pullThrough } from '../pull-through/create-pull-through.ts';
import { TagEntries } from '../pull-through/tag-entries.ts';
import type { OpenContent, OpenFills } from './open-content.ts';

export interface UpstreamCacheOptions extends ConnectOptions {
  /** Host of the registry, such as `ghcr.io` or `localhost:5000`; `docker.io` is Docker Hub. */
  readonly upstream: string;
  /** How long a tag is served before it is revalidated. Milliseconds. @default 5 minutes */
  readonly tagTtlMs?: number;
  /** Serve stored content only. @default false */
  readonly offline?: boolean;
}

interface SharedParts {
  readonly content: OpenContent;
  readonly fills: OpenFills;
  /** Precedes the upstream's names in the storage; may be empty. */
  readonly storePrefix: string;
}

const TAG_TTL_MS = 5 * 60_000;
const ON_FAILURE = { rules: [], revalidate: 'blocking', onNotFound: 'error', onDenied: 'error' } as const;

/** One upstream, cached in a storage that others may share. @throws when the file of `tls.caFile` cannot be read */
export function cacheUpstream(
  { upstream: host, tagTtlMs = TAG_TTL_MS, offline = false, ...connection }: UpstreamCacheOptions,
  { content: { store, content, registry: cached }, fills: { fills, events }, storePrefix }: SharedParts,
) {
  const { upstream } = openUpstream(host, connection);
  const policy = { ttlMs: tagTtlMs, ...ON_FAILURE };
  const parts = { upstream, store, content, cached, fills, events, tags: new TagEntries(store) };
  return { registry: pullThrough({ ...parts, policy, offline, storePrefix }), close: () => upstream.close() };
}
