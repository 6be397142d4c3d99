import { RegistryError } from '../oci/errors.ts';
import { readManifest } from '../oci/manifest.ts';
import { MANIFEST_MEDIA_TYPES } from '../oci/media-types.ts';
import type { ContentEvent, EventOrigin } from '../registry/content-event.ts';
import {
  type Notification,
  type NotificationReference,
  type NotificationSource,
  type NotificationTarget,
  timestampOf,
  uuidV7,
} from './envelope.ts';

export interface NotificationOptions {
  readonly source: NotificationSource;
  readonly includeReferences: boolean;
  /** Unix milliseconds. */
  readonly now: number;
}

/** The event in the form that receivers get. */
export function createNotification(
  event: ContentEvent,
  origin: EventOrigin,
  { source, includeReferences, now }: NotificationOptions,
): Notification {
  return {
    id: uuidV7(now),
    timestamp: timestampOf(now),
    action: event.action,
    target: targetOf(event, origin, { includeReferences }),
    request: {
      id: origin.requestId,
      addr: origin.client || undefined,
      host: origin.host,
      method: origin.method,
      useragent: origin.userAgent ?? '',
    },
    actor: { name: origin.actor || undefined },
    source,
  };
}

function targetOf(
  event: ContentEvent,
  { locate }: EventOrigin,
  { includeReferences }: Pick<NotificationOptions, 'includeReferences'>,
): NotificationTarget {
  const { action, repository, digest, tag } = event;
  if (action === 'delete') return { digest, repository, tag };
  const kind = isOfManifest(event) ? 'manifests' : 'blobs';
  return {
    mediaType: event.mediaType,
    digest,
    size: event.size,
    length: event.size || undefined,
    repository,
    fromRepository: event.fromRepository,
    url: digest && locate(`/v2/${repository}/${kind}/${digest}`),
    tag,
    references: includeReferences ? referencesOf(event) : undefined,
  };
}

/** Blobs have no manifest media type, no tag and no references. */
function isOfManifest({ mediaType = '', tag, references, manifest }: ContentEvent): boolean {
  return (tag ?? references ?? manifest) !== undefined || MANIFEST_MEDIA_TYPES.includes(mediaType);
}

function referencesOf({ references, manifest }: ContentEvent): readonly NotificationReference[] | undefined {
  const found = references ?? (manifest && readReferences(manifest)) ?? [];
  if (found.length === 0) return undefined;
  return found.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
}

function readReferences(manifest: Buffer): readonly NotificationReference[] {
  try {
    return readManifest(manifest).manifest.references;
  } catch (err) {
    if (err instanceof RegistryError) return []; // stored under earlier rules; it is served, so its event is sent
    throw err;
  }
}
