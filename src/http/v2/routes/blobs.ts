import type { OutgoingHttpHeaders } from 'node:http';

import { entityTag, rangeApplies } from '../../../oci/conditional.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { RegistryError } from '../../../oci/errors.ts';
import { parseRange } from '../../../oci/range.ts';
import type { ContentEvent } from '../../../registry/content-event.ts';
import type { OpenBlob, RedirectRequest, RegistryReader, Served } from '../../../registry/registry.ts';
import { type BlobResponse, multipartResponse, rangeResponse, wholeResponse } from '../blob-response.ts';
import type { Exchange } from '../exchange.ts';
import { isNotModified } from '../preconditions.ts';
import type { ReadHandler } from '../route-table.ts';
import { sendSource } from '../send-source.ts';

/** `GET /v2/<name>/blobs/<digest>`: end-2 of the distribution spec; with ranges (RFC 9110). */
export const getBlob: ReadHandler<'get-blob'> = async ({ repository, digest }, { exchange, target, notify }) => {
  const { registry, repository: name } = target(repository);
  const redirectedTo = await redirected(
    exchange,
    registry.redirectBlob(name, digest, redirectRequest(exchange, 'GET')),
  );
  if (redirectedTo) return void notify(pullOf(repository, redirectedTo));
  const blob = await registry.openBlob(name, digest, exchange);
  try {
    exchange.served(blob);
    await sendBlob(exchange, blob);
  } finally {
    await blob.source.close();
  }
  void notify(pullOf(repository, blob));
};

/** `HEAD /v2/<name>/blobs/<digest>`. `Range` has no meaning here: RFC 9110, section 14.2. */
export const headBlob: ReadHandler<'head-blob'> = async ({ repository, digest }, { exchange, target, notify }) => {
  const { registry, repository: name } = target(repository);
  const redirectedTo = await redirected(
    exchange,
    registry.redirectBlob(name, digest, redirectRequest(exchange, 'HEAD')),
  );
  if (redirectedTo) return void notify(pullOf(repository, redirectedTo));
  const blob = await registry.resolveBlob(name, digest, exchange);
  exchange.served(blob);
  if (isNotModified(exchange.req, digest)) sendNotModified(exchange, blob);
  else startResponse(exchange, blob, wholeResponse(blob.size, blob.mediaType)).end();
  void notify(pullOf(repository, blob));
};

/** Like distribution, which also sends an event for a `HEAD`, a range and a 304. */
function pullOf(repository: string, { digest, mediaType, size }: Descriptor): ContentEvent {
  return { action: 'pull', repository, digest, mediaType, size };
}

function redirectRequest({ client }: Exchange, method: RedirectRequest['method']): RedirectRequest {
  return { method, clientAddress: client.address };
}

/** Redirects with 307 like distribution, unless the client already has the blob. */
async function redirected(
  exchange: Exchange,
  finding: ReturnType<RegistryReader['redirectBlob']>,
): Promise<Descriptor | undefined> {
  const blob = finding && (await finding);
  if (!blob || isNotModified(exchange.req, blob.digest)) return undefined;
  exchange.served(blob);
  const headers = exchange.commonHeaders();
  headers['docker-content-digest'] = blob.digest;
  headers['location'] = blob.url;
  headers['content-length'] = 0;
  exchange.res.writeHead(307, headers).end();
  return blob;
}

async function sendBlob(exchange: Exchange, blob: Served<OpenBlob>): Promise<void> {
  if (isNotModified(exchange.req, blob.digest)) {
    sendNotModified(exchange, blob);
    return;
  }
  const response = chooseResponse(exchange, blob);
  startResponse(exchange, blob, response);
  await sendSource(exchange, blob.source, response.parts);
}

function chooseResponse({ req }: Exchange, { digest, size, mediaType }: Descriptor): BlobResponse {
  const { range: header } = req.headers;
  if (header === undefined || !rangeApplies(req.headers['if-range'] as string | undefined, digest)) {
    return wholeResponse(size, mediaType);
  }
  const requested = parseRange(header, size);
  if (requested.kind === 'whole') return wholeResponse(size, mediaType);
  if (requested.kind === 'ranges') {
    const [range, ...others] = requested.ranges;
    return others.length === 0
      ? rangeResponse(range, size, mediaType)
      : multipartResponse(requested.ranges, size, mediaType);
  }
  throw new RegistryError('RANGE_INVALID', `no such range in ${size} bytes`, {
    headers: { 'content-range': `bytes */${size}` },
  });
}

function sendNotModified(exchange: Exchange, blob: Descriptor): void {
  exchange.res.writeHead(304, blobHeaders(exchange, blob)).end();
}

function startResponse(exchange: Exchange, blob: Descriptor, { status, headers }: BlobResponse) {
  return exchange.res.writeHead(status, Object.assign(blobHeaders(exchange, blob), headers));
}

function blobHeaders(exchange: Exchange, { digest }: Descriptor): OutgoingHttpHeaders {
  const headers = exchange.commonHeaders();
  headers['docker-content-digest'] = digest;
  headers['etag'] = entityTag(digest);
  headers['accept-ranges'] = 'bytes';
  headers['cache-control'] ??= 'max-age=31536000';
  return headers;
}
