import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type Digest, isDigest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { parseRange } from '../../oci/range.ts';
import type { ByteSource } from '../../stream/byte-source.ts';
import { type ErrorOptions, respondError } from '../v2/respond-error.ts';
import type { RequestEvents } from '../v2/request-events.ts';
import { rangeResponse, wholeResponse } from '../v2/blob-response.ts';
import type { Clients } from '../client/client-address.ts';
import { Exchange } from '../v2/exchange.ts';
import { sendSource } from '../v2/send-source.ts';

/** Content of one replica for the others. */
export interface PeerAccess {
  readonly path: string;
  readonly header: string;
  /** Shared by all replicas. Absent while Redis cannot be reached. */
  secret(): Promise<string | undefined>;
  /** A blob that is being filled for the repository, or is stored. Requests nothing from an upstream. The caller closes it. */
  openBlob(repository: string, digest: Digest): Promise<ByteSource | undefined>;
}

export interface PeerFillsOptions extends Pick<ErrorOptions, 'toStorageFailure'> {
  readonly access: PeerAccess;
  readonly clients: Clients;
  readonly events: RequestEvents;
}

/** Serves fills in progress to the other replicas of the same cache, and only to them. */
export function createPeerFills({ access, clients, events, toStorageFailure }: PeerFillsOptions) {
  const errors = { log: events.log, toStorageFailure };
  return (req: IncomingMessage, res: ServerResponse): Promise<void> | undefined => {
    const target = req.url ?? '';
    if (!target.startsWith(access.path)) return undefined;
    const exchange = new Exchange(req, res, { target, client: clients.of(req), events });
    return sendFill(exchange, access).catch((err: unknown) => respondError(exchange, err, errors));
  };
}

async function sendFill(exchange: Exchange, access: PeerAccess): Promise<void> {
  const { req, res, target } = exchange;
  const name = decodeURIComponent(target.slice(access.path.length));
  const at = name.lastIndexOf('@');
  const digest = name.slice(at + 1);
  const isPeer = isSame(String(req.headers[access.header] ?? ''), await access.secret());
  const source = isPeer && isDigest(digest) ? await access.openBlob(name.slice(0, at), digest) : undefined;
  if (!source) throw new RegistryError('BLOB_UNKNOWN', 'no fill of this blob is in progress');
  try {
    const { kind, ...requested } = parseRange(req.headers.range, source.size);
    if (kind === 'unsatisfiable') throw new RegistryError('RANGE_INVALID', 'no such range');
    const range = 'ranges' in requested ? requested.ranges[0] : undefined;
    const type = 'application/octet-stream';
    const { status, headers, parts } = range
      ? rangeResponse(range, source.size, type)
      : wholeResponse(source.size, type);
    res.writeHead(status, { ...headers });
    await sendSource(exchange, source, parts);
  } finally {
    await source.close();
  }
}

/** Takes the same time for any two texts. */
function isSame(given: string, secret: string | undefined): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return secret !== undefined && timingSafeEqual(hash(given), hash(secret));
}
