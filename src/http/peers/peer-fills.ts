import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type Digest, isDigest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { parseRange } from '../../oci/range.ts';
import type { ByteSource } from '../../stream/byte-source.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerError } from '../v2/respond-error.ts';
import { rangeAnswer, wholeAnswer } from '../v2/blob-response.ts';
import type { Clients } from '../client/client-address.ts';
import { Exchange } from '../v2/exchange.ts';
import { sendSource } from '../v2/send-source.ts';

/** What one replica lets the others have. */
export interface PeerAccess {
  readonly path: string;
  readonly header: string;
  /** What all replicas know; undefined while it cannot be had. */
  secret(): Promise<string | undefined>;
  /** What is being filled for the repository, or has been. Never asks an upstream. The caller closes it. */
  openBlob(repository: string, digest: Digest): Promise<ByteSource | undefined>;
}

/** Hands out what is being filled to the other replicas of the same cache, and to nobody else. */
export function createPeerFills({
  access,
  clients,
  telemetry,
}: {
  access: PeerAccess;
  clients: Clients;
  telemetry: Telemetry;
}) {
  return (req: IncomingMessage, res: ServerResponse): Promise<void> | undefined => {
    const target = req.url ?? '';
    if (!target.startsWith(access.path)) return undefined;
    const exchange = new Exchange(req, res, { target, client: clients.of(req), telemetry });
    return answer(exchange, access).catch((err: unknown) => answerError(exchange, err, telemetry.log));
  };
}

async function answer(exchange: Exchange, access: PeerAccess): Promise<void> {
  const { req, res, target } = exchange;
  const name = decodeURIComponent(target.slice(access.path.length));
  const at = name.lastIndexOf('@');
  const digest = name.slice(at + 1);
  const isPeer = isSame(String(req.headers[access.header] ?? ''), await access.secret());
  const source = isPeer && isDigest(digest) ? await access.openBlob(name.slice(0, at), digest) : undefined;
  if (!source) throw new RegistryError('BLOB_UNKNOWN', 'not being filled here');
  try {
    const { kind, ...asked } = parseRange(req.headers.range, source.size);
    if (kind === 'unsatisfiable') throw new RegistryError('RANGE_INVALID', 'not so long');
    const range = 'ranges' in asked ? asked.ranges[0] : undefined;
    const type = 'application/octet-stream';
    const { status, headers, parts } = range ? rangeAnswer(range, source.size, type) : wholeAnswer(source.size, type);
    res.writeHead(status, { ...headers });
    await sendSource(exchange, source, parts);
  } finally {
    await source.close();
  }
}

/** In constant time, whatever the lengths. */
function isSame(given: string, secret: string | undefined): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return secret !== undefined && timingSafeEqual(hash(given), hash(secret));
}
