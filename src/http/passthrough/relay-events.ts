import { digestOf } from '../../oci/digest.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import type { ContentEvent } from '../../registry/content-event.ts';
import type { RelayBody } from './relay-body.ts';

export interface Accepted {
  readonly request: WriteRequest;
  /** Of the upstream's response. */
  readonly status: number;
  readonly body: RelayBody;
  /** Of the request. */
  readonly contentType: string | undefined;
  /** Bytes of the blob that the upstream has now. */
  readonly size: number;
  /** The upstream was requested to mount the blob. */
  readonly isMount: boolean;
}

const BLOB = 'application/octet-stream';

/** The events of a write that the upstream accepted; none while an upload continues. */
export function eventsOf({ request, status, body, size, isMount, contentType }: Accepted): readonly ContentEvent[] {
  const { repository } = request;
  switch (request.kind) {
    case 'start-upload':
      if (status !== 201) return [];
      // The upstream does not report the size of a mounted blob.
      if (isMount) return [mounted(request)];
      return request.digest ? [{ action: 'push', repository, digest: request.digest, mediaType: BLOB, size }] : [];
    case 'finish-upload':
      if (status !== 201) return [];
      return [{ action: 'push', repository, digest: request.digest, mediaType: BLOB, size }];
    case 'put-manifest':
      return body.kind === 'bytes'
        ? manifestPushed(request, body.bytes, contentType?.split(';', 1)[0]?.trim() || undefined)
        : [];
    case 'delete-manifest': {
      const { reference } = request;
      if (reference.kind === 'tag') return [{ action: 'delete', repository, tag: reference.tag }];
      return [{ action: 'delete', repository, digest: reference.digest }];
    }
    case 'delete-blob':
      return [{ action: 'delete', repository, digest: request.digest }];
    default:
      return [];
  }
}

function mounted({ repository, mount, from }: WriteRequest & { readonly kind: 'start-upload' }): ContentEvent {
  return { action: 'mount', repository, digest: mount, mediaType: BLOB, fromRepository: from };
}

/** One for each tag, or for the digest alone. */
function manifestPushed(
  { repository, reference, tags }: WriteRequest & { readonly kind: 'put-manifest' },
  manifest: Buffer,
  mediaType: string | undefined,
): readonly ContentEvent[] {
  const digest = reference.kind === 'digest' ? reference.digest : digestOf(manifest);
  const putTags = [...new Set([...(reference.kind === 'tag' ? [reference.tag] : []), ...tags])];
  const eventTags = putTags.length === 0 ? [undefined] : putTags;
  const size = manifest.length;
  return eventTags.map((tag) => ({ action: 'push', repository, digest, tag, mediaType, size, manifest }));
}
