import type { Readable } from 'node:stream';

import { Agent } from 'undici';

import { ChunkReader } from '../stream/byte-reader.ts';
import { parseContentRange } from './content-range.ts';
import { networkFailure } from './network-failure.ts';
import { type BlobBody, type UpstreamBlob, UpstreamError } from './upstream.ts';

export interface PeerRequest {
  /** URL of the other replica, without a path. */
  readonly address: string;
  /** Stored name, which is the same on both. */
  readonly repository: string;
  readonly digest: string;
  /** First byte wanted. */
  readonly start: number;
  readonly signal?: AbortSignal;
}

export interface PeerClient {
  /** A fill in progress on another replica. @throws {UpstreamError} `not-found` when it does not have one, or no longer */
  open(request: PeerRequest): Promise<UpstreamBlob>;
  close(): Promise<void>;
}

/** The header that authenticates a request as one of a replica of the same cache. */
export const PEER_HEADER = 'x-layover-peer';
/** Path below which a replica serves its fills in progress. */
export const PEER_PATH = '/internal/fills/';

const CONNECT_TIMEOUT_MS = 1_000;
/** The other replica may itself wait for its upstream. Milliseconds. */
const HEADERS_TIMEOUT_MS = 15_000;
/** A replica that is silent for this long has lost its lease. Milliseconds. */
const IDLE_TIMEOUT_MS = 6_000;

/** @param secret shared by all replicas; undefined while it is not available */
export function createPeerClient(secret: () => Promise<string | undefined>): PeerClient {
  const agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, connections: 64 });
  return {
    open: (request) => open(agent, request, secret),
    close: () => agent.destroy(),
  };
}

async function open(
  agent: Agent,
  { address, repository, digest, start, signal }: PeerRequest,
  secret: () => Promise<string | undefined>,
): Promise<UpstreamBlob> {
  const upstream = 'peer';
  const { host, origin } = new URL(address);
  try {
    const { statusCode, headers, body } = await agent.request({
      origin,
      path: `${PEER_PATH}${repository}@${digest}`,
      method: 'GET',
      headers: { [PEER_HEADER]: (await secret()) ?? '', range: `bytes=${start}-` },
      headersTimeout: HEADERS_TIMEOUT_MS,
      bodyTimeout: IDLE_TIMEOUT_MS,
      ...(signal && { signal }),
    });
    const range = parseContentRange(headers['content-range']?.toString());
    if (statusCode !== 206 || range?.start !== start) {
      await body.dump();
      throw new UpstreamError('not-found', `replica ${host} returned ${statusCode}`, { upstream, status: statusCode });
    }
    return { size: range.size, start, body: withUpstreamErrors(body, host) };
  } catch (err) {
    throw err instanceof UpstreamError || signal?.aborted ? err : networkFailure(upstream, host, err);
  }
}

/** A replica that dies is like an upstream that breaks: the reader continues elsewhere. */
function withUpstreamErrors(stream: Readable, host: string): BlobBody {
  const body = ChunkReader.of(stream);
  return {
    async read(into) {
      try {
        return await body.read(into);
      } catch (err) {
        throw networkFailure('peer', host, err);
      }
    },
    close: () => body.close(),
  };
}
