import type { ManifestPut } from '../../../registry/registry.ts';
import { readBody } from '../read-body.ts';
import type { RouteHandler } from '../route-table.ts';

/**
 * `PUT /v2/<name>/manifests/<reference>`: end-7a and end-7b of the distribution spec.
 *
 * @param maxBytes of a manifest; 0: no configured limit
 */
export function putManifest(maxBytes: number): RouteHandler<'put-manifest'> {
  return async (request, { exchange, target, locate, notify }) => {
    const { repository, reference, tags } = request;
    const { registry, repository: name } = target(repository);
    const bytes = await readBody(exchange.req, maxBytes);
    const mediaType = mediaTypeOf(exchange.req.headers['content-type']);
    const put = await registry.putManifest(name, { bytes, mediaType, reference, tags });
    const putTags = [...new Set([...(reference.kind === 'tag' ? [reference.tag] : []), ...tags])];
    const eventTags = putTags.length === 0 ? [undefined] : putTags;
    await Promise.all(eventTags.map((tag) => notify({ action: 'push', repository, tag, ...put })));
    const headers = exchange.commonHeaders();
    headers['location'] = locate(`/v2/${repository}/manifests/${put.digest}`);
    Object.assign(headers, putHeaders(put, tags));
    exchange.res.writeHead(201, headers).end();
  };
}

/** `DELETE /v2/<name>/manifests/<reference>`: end-9 of the distribution spec. */
export const deleteManifest: RouteHandler<'delete-manifest'> = async (request, { exchange, target, notify }) => {
  const { repository, reference } = request;
  const { registry, repository: name } = target(repository);
  const tags = await registry.deleteManifest(name, reference);
  // Like distribution: one event for the manifest, and one for each tag deleted with it.
  if (reference.kind === 'digest') await notify({ action: 'delete', repository, digest: reference.digest });
  await Promise.all(tags.map((tag) => notify({ action: 'delete', repository, tag })));
  exchange.res.writeHead(202, { ...exchange.commonHeaders(), 'content-length': 0 }).end();
};

/** `DELETE /v2/<name>/blobs/<digest>`: end-10 of the distribution spec. */
export const deleteBlob: RouteHandler<'delete-blob'> = async ({ repository, digest }, { exchange, target, notify }) => {
  const { registry, repository: name } = target(repository);
  await registry.deleteBlob(name, digest);
  await notify({ action: 'delete', repository, digest });
  exchange.res.writeHead(202, { ...exchange.commonHeaders(), 'content-length': 0 }).end();
};

function putHeaders({ digest, subject }: ManifestPut, tags: readonly string[]) {
  return {
    'docker-content-digest': digest,
    'content-length': 0,
    ...(subject !== undefined && { 'oci-subject': subject }),
    // One header line per tag.
    ...(tags.length > 0 && { 'oci-tag': [...tags] }),
  };
}

/** Without parameters, which the specification lets registries ignore. */
function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim() || undefined;
}
