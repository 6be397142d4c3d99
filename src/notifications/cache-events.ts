import type { Notification, NotificationTarget } from './envelope.ts';

/** Actions that distribution does not have. */
export type CacheAction = 'fill' | 'evict' | 'stale';

/** Sends an event that no request of a client stands behind. */
export type NotifyOfCache = (action: CacheAction, target: NotificationTarget) => void;

interface StoredContent {
  /** Name of the repository in our storage. */
  readonly stored?: string | undefined;
  readonly digest: string;
}

const OCTET_STREAM = 'application/octet-stream';

/** What the cache does by itself, as events for others. Its methods are those of the telemetry, and called beside it. */
export function createCacheEvents(tell: NotifyOfCache) {
  return {
    cache: {
      fillCompleted({ stored = '', digest, bytes }: StoredContent & { readonly bytes?: number | undefined }) {
        tell('fill', contentOf({ repository: stored, digest, size: bytes, mediaType: OCTET_STREAM }));
      },
      manifestStored({
        stored = '',
        ...manifest
      }: StoredContent & { readonly size: number; readonly mediaType: string }) {
        tell('fill', contentOf({ repository: stored, ...manifest }));
      },
      staleServed({
        stored = '',
        tag,
        digest,
      }: {
        stored?: string | undefined;
        tag: string;
        digest?: string | undefined;
      }) {
        tell('stale', { digest, repository: stored, tag });
      },
    },
    housekeeping: {
      contentRemoved({ repository, digest }: { readonly repository: string; readonly digest: string }) {
        tell('evict', { digest, repository });
      },
    },
  };
}

interface Content {
  readonly repository: string;
  readonly digest: string;
  readonly size: number | undefined;
  readonly mediaType: string;
}

function contentOf({ repository, digest, size, mediaType }: Content): NotificationTarget {
  return { mediaType, digest, size, length: size || undefined, repository };
}

/** Where the request of a client would be told. */
export const NO_REQUEST: Pick<Notification, 'request' | 'actor'> = {
  request: { id: '', method: '', useragent: '' },
  actor: {},
};
