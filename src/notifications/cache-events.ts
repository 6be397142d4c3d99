import type { FillEvents } from '../fills/fill-events.ts';
import { OCTET_STREAM } from '../oci/descriptor.ts';
import type { ManifestEvents } from '../pull-through/manifest-events.ts';
import type { SweepEvents } from '../retention/sweep.ts';
import type { Notification, NotificationTarget } from './envelope.ts';

/** Actions that distribution does not have. */
export type CacheAction = 'fill' | 'evict' | 'stale';

/** Sends an event that no client request caused. */
export type NotifyOfCache = (action: CacheAction, target: NotificationTarget) => void;

export interface CacheEventSources {
  readonly cache: Pick<FillEvents, 'fillCompleted'> & Pick<ManifestEvents, 'manifestStored' | 'staleServed'>;
  readonly housekeeping: Pick<SweepEvents, 'contentRemoved'>;
}

/** Fills, stale responses and removals as webhook events. */
export function createCacheEvents(notify: NotifyOfCache): CacheEventSources {
  return {
    cache: {
      fillCompleted({ stored, digest, bytes }) {
        notify('fill', contentOf({ repository: stored, digest, size: bytes, mediaType: OCTET_STREAM }));
      },
      manifestStored({ stored, digest, size, mediaType }) {
        notify('fill', contentOf({ repository: stored, digest, size, mediaType }));
      },
      staleServed({ stored, tag, digest }) {
        notify('stale', { digest, repository: stored, tag });
      },
    },
    housekeeping: {
      contentRemoved({ repository, digest }) {
        notify('evict', { digest, repository });
      },
    },
  };
}

interface Content {
  readonly repository: string;
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

function contentOf({ repository, digest, size, mediaType }: Content): NotificationTarget {
  return { mediaType, digest, size, length: size || undefined, repository };
}

/** In place of the request of a client. */
export const NO_REQUEST: Pick<Notification, 'request' | 'actor'> = {
  request: { id: '', method: '', useragent: '' },
  actor: {},
};
