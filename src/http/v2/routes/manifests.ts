import { entityTag } from '../../../oci/conditional.ts';
import { type Descriptor, OCTET_STREAM } from '../../../oci/descriptor.ts';
import { isManifestMediaType } from '../../../oci/media-types.ts';
import type { Reference } from '../../../oci/reference.ts';
import type { ContentEvent } from '../../../registry/content-event.ts';
import type { Exchange } from '../exchange.ts';
import { isNotModified } from '../preconditions.ts';
import type { ReadHandler } from '../route-table.ts';

/** `GET /v2/<name>/manifests/<reference>`: end-3 of the distribution spec. The bytes are sent unchanged, for any `Accept`. */
export const getManifest: ReadHandler<'get-manifest'> = async (
  { repository, reference },
  { exchange, target, notify },
) => {
  const { registry, repository: name } = target(repository);
  const manifest = await registry.getManifest(name, reference, exchange.callOptions);
  exchange.served(manifest);
  if (startResponse(exchange, manifest) === 'not-modified') return;
  exchange.sent(manifest.bytes.length);
  exchange.res.end(manifest.bytes);
  void notify(pullOf(repository, reference, manifest));
};

/** `HEAD /v2/<name>/manifests/<reference>` */
export const headManifest: ReadHandler<'head-manifest'> = async (
  { repository, reference },
  { exchange, target, notify },
) => {
  const { registry, repository: name } = target(repository);
  const descriptor = await registry.resolveManifest(name, reference, exchange.callOptions);
  exchange.served(descriptor);
  if (startResponse(exchange, descriptor) === 'not-modified') return;
  exchange.res.end();
  void notify(pullOf(repository, reference, descriptor));
};

/** Like distribution, which also sends an event for a `HEAD`, but not for a 304. */
function pullOf(
  repository: string,
  reference: Reference,
  { digest, mediaType, size, bytes }: Descriptor & { readonly bytes?: Buffer },
): ContentEvent {
  const tag = reference.kind === 'tag' ? reference.tag : undefined;
  return { action: 'pull', repository, digest, tag, mediaType, size, manifest: bytes };
}

function startResponse(
  exchange: Exchange,
  { digest, mediaType, size }: Descriptor,
): 'body-may-follow' | 'not-modified' {
  const { req, res } = exchange;
  const notModified = isNotModified(req, digest);
  const headers = exchange.commonHeaders();
  headers['docker-content-digest'] = digest;
  headers['etag'] = entityTag(digest);
  if (notModified) {
    res.writeHead(304, headers).end();
    return 'not-modified';
  }
  // From an upstream it may be any text.
  headers['content-type'] = isManifestMediaType(mediaType) ? mediaType : OCTET_STREAM;
  headers['content-length'] = size;
  res.writeHead(200, headers);
  return 'body-may-follow';
}
