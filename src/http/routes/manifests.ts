import { entityTag, matchesEntityTag } from '../../oci/conditional.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Exchange } from '../exchange.ts';
import type { RouteHandler } from '../route-table.ts';

/** `GET /v2/<name>/manifests/<reference>`: end-3 of the distribution spec. The bytes are sent as they are, whatever `Accept` says. */
export const getManifest: RouteHandler<'get-manifest'> = async ({ repository, reference }, { exchange, target }) => {
  const { registry, repository: name } = target(repository);
  const manifest = await registry.getManifest(name, reference);
  exchange.served(manifest);
  if (startAnswer(exchange, manifest) === 'not-modified') return;
  exchange.sent(manifest.bytes.length);
  exchange.res.end(manifest.bytes);
};

/** `HEAD /v2/<name>/manifests/<reference>` */
export const headManifest: RouteHandler<'head-manifest'> = async ({ repository, reference }, { exchange, target }) => {
  const { registry, repository: name } = target(repository);
  const descriptor = await registry.resolveManifest(name, reference);
  exchange.served(descriptor);
  if (startAnswer(exchange, descriptor) === 'body-may-follow') exchange.res.end();
};

function startAnswer(exchange: Exchange, { digest, mediaType, size }: Descriptor): 'body-may-follow' | 'not-modified' {
  const { req, res } = exchange;
  const headers = {
    ...exchange.commonHeaders(),
    'docker-content-digest': digest,
    etag: entityTag(digest),
  };
  if (matchesEntityTag(req.headers['if-none-match'], digest)) {
    res.writeHead(304, headers).end();
    return 'not-modified';
  }
  res.writeHead(200, { ...headers, 'content-type': mediaType, 'content-length': size });
  return 'body-may-follow';
}
