import { entityTag, matchesEntityTag, rangeApplies } from '../../oci/conditional.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { RegistryError } from '../../oci/errors.ts';
import { parseRange } from '../../oci/range.ts';
import type { OpenBlob, Served } from '../../registry/registry.ts';
import { type BlobAnswer, multipartAnswer, rangeAnswer, wholeAnswer } from '../blob-answer.ts';
import type { Exchange } from '../exchange.ts';
import type { RouteHandler } from '../route-table.ts';
import { sendSource } from '../send-source.ts';

/** `GET /v2/<name>/blobs/<digest>`: end-2 of the distribution spec; with ranges as RFC 9110 has them. */
export const getBlob: RouteHandler<'get-blob'> = async ({ repository, digest }, { exchange, target }) => {
  const { registry, repository: name } = target(repository);
  const blob = await registry.openBlob(name, digest);
  try {
    exchange.served(blob);
    await sendBlob(exchange, blob);
  } finally {
    await blob.source.close();
  }
};

/** `HEAD /v2/<name>/blobs/<digest>` */
export const headBlob: RouteHandler<'head-blob'> = async ({ repository, digest }, { exchange, target }) => {
  const { registry, repository: name } = target(repository);
  const blob = await registry.resolveBlob(name, digest);
  exchange.served(blob);
  const { status, headers } = chooseAnswer(exchange, blob) ?? { status: 304, headers: {} };
  exchange.res.writeHead(status, { ...blobHeaders(exchange, blob), ...headers }).end();
};

async function sendBlob(exchange: Exchange, blob: Served<OpenBlob>): Promise<void> {
  const answer = chooseAnswer(exchange, blob);
  if (!answer) {
    exchange.res.writeHead(304, blobHeaders(exchange, blob)).end();
    return;
  }
  exchange.res.writeHead(answer.status, { ...blobHeaders(exchange, blob), ...answer.headers });
  await sendSource(exchange, blob.source, answer.parts);
}

/** @returns undefined when the client has it already */
function chooseAnswer({ req }: Exchange, { digest, size, mediaType }: Descriptor): BlobAnswer | undefined {
  if (matchesEntityTag(req.headers['if-none-match'], digest)) return undefined;
  const ifRange = req.headers['if-range'];
  const asked = parseRange(rangeApplies(ifRange as string | undefined, digest) ? req.headers.range : undefined, size);
  if (asked.kind === 'whole') return wholeAnswer(size, mediaType);
  if (asked.kind === 'ranges') {
    const [range, ...others] = asked.ranges;
    return others.length === 0 ? rangeAnswer(range, size, mediaType) : multipartAnswer(asked.ranges, size, mediaType);
  }
  throw new RegistryError('RANGE_INVALID', `no such range in ${size} bytes`, {
    headers: { 'content-range': `bytes */${size}` },
  });
}

function blobHeaders(exchange: Exchange, { digest }: Descriptor): Record<string, string> {
  return {
    ...exchange.commonHeaders(),
    'docker-content-digest': digest,
    etag: entityTag(digest),
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
  };
}
