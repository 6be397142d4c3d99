import type { OutgoingHttpHeaders } from 'node:http';

import { entityTag, rangeApplies } from '../../../oci/conditional.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { RegistryError } from '../../../oci/errors.ts';
import { parseRange } from '../../../oci/range.ts';
import type { ContentEvent } from '../../../registry/content-event.ts';
import type { OpenBlob, RedirectRequest, RegistryReader, Served } from '../../../registry/registry.ts';
import { type BlobAnswer, multipartAnswer, rangeAnswer, wholeAnswer } from '../blob-response.ts';
import type { Exchange } from '../exchange.ts';
import { isNotModified } from '../preconditions.ts';
import type { RouteHandler } from '../route-table.ts';
import { sendSource } from '../send-source.ts';

/** `GET /v2/<name>/blobs/<digest>`: end-2 of the distribution spec; with ranges as RFC 9110 has them. */
export const getBlob: RouteHandler<'get-blob'> = async ({ repository, digest }, { exchange, target, notify }) => {
  const { registry, repository: name } = target(repository);
  const redirectedTo = await redirected(exchange, registry.redirectBlob(name, digest, askedBy(exchange, 'GET')));
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

/** `HEAD /v2/<name>/blobs/<digest>`. `Range` means nothing here: RFC 9110, section 14.2. */
export const headBlob: RouteHandler<'head-blob'> = async ({ repository, digest }, { exchange, target, notify }) => {
  const { registry, repository: name } = target(repository);
  const redirectedTo = await redirected(exchange, registry.redirectBlob(name, digest, askedBy(exchange, 'HEAD')));
  if (redirectedTo) return void notify(pullOf(repository, redirectedTo));
  const blob = await registry.resolveBlob(name, digest, exchange);
  exchange.served(blob);
  if (isNotModified(exchange.req, digest)) sendNotModified(exchange, blob);
  else startAnswer(exchange, blob, wholeAnswer(blob.size, blob.mediaType)).end();
  void notify(pullOf(repository, blob));
};

/** As distribution, which tells of a `HEAD`, of a range and of a 304 too. */
function pullOf(repository: string, { digest, mediaType, size }: Descriptor): ContentEvent {
  return { action: 'pull', repository, digest, mediaType, size };
}

function askedBy({ client }: Exchange, method: RedirectRequest['method']): RedirectRequest {
  return { method, clientAddress: client.address };
}

/** As distribution: 307, for whoever does not have the blob yet. */
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
  const answer = chooseAnswer(exchange, blob);
  startAnswer(exchange, blob, answer);
  await sendSource(exchange, blob.source, answer.parts);
}

function chooseAnswer({ req }: Exchange, { digest, size, mediaType }: Descriptor): BlobAnswer {
  const { range: header } = req.headers;
  if (header === undefined || !rangeApplies(req.headers['if-range'] as string | undefined, digest)) {
    return wholeAnswer(size, mediaType);
  }
  const asked = parseRange(header, size);
  if (asked.kind === 'whole') return wholeAnswer(size, mediaType);
  if (asked.kind === 'ranges') {
    const [range, ...others] = asked.ranges;
    return others.length === 0 ? rangeAnswer(range, size, mediaType) : multipartAnswer(asked.ranges, size, mediaType);
  }
  throw new RegistryError('RANGE_INVALID', `no such range in ${size} bytes`, {
    headers: { 'content-range': `bytes */${size}` },
  });
}

function sendNotModified(exchange: Exchange, blob: Descriptor): void {
  exchange.res.writeHead(304, blobHeaders(exchange, blob)).end();
}

function startAnswer(exchange: Exchange, blob: Descriptor, { status, headers }: BlobAnswer) {
  return exchange.res.writeHead(status, Object.assign(blobHeaders(exchange, blob), headers));
}

function blobHeaders(exchange: Exchange, { digest }: Descriptor): OutgoingHttpHeaders {
  const headers = exchange.commonHeaders();
  headers['docker-content-digest'] = digest;
  headers['etag'] = entityTag(digest);
  headers['accept-ranges'] = 'bytes';
  headers['cache-control'] = 'max-age=31536000';
  return headers;
}
