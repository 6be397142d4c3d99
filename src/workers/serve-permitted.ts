import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Clients } from '../http/client/client-address.ts';
import { isGone } from '../http/listen/http2.ts';
import type { SecurityHeaders } from '../http/listen/security-headers.ts';
import { Exchange } from '../http/v2/exchange.ts';
import type { RequestEvents } from '../http/v2/request-events.ts';
import { respondError } from '../http/v2/respond-error.ts';
import type { ReadContext } from '../http/v2/route-table.ts';
import { getBlob, headBlob } from '../http/v2/routes/blobs.ts';
import { getManifest, headManifest } from '../http/v2/routes/manifests.ts';
import { referenceText } from '../oci/reference.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { Permitted } from './permits.ts';
import { readerOf } from './permitted-reader.ts';

export interface ServePermittedOptions {
  readonly clients: Clients;
  readonly events: RequestEvents;
  readonly security: SecurityHeaders;
  /** Added to every response. */
  readonly headers: readonly (readonly [string, readonly string[]])[];
}

const DONE = Promise.resolve();

/**
 * Responds to a request with permitted content, by the same code as the main process.
 *
 * @param opened the bytes of a blob; absent for a request that needs none
 */
export async function servePermitted(
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  permitted: Permitted,
  opened: ByteSource | undefined,
  { clients, events, security, headers }: ServePermittedOptions,
): Promise<void> {
  if (isGone(res)) return opened?.close();
  for (const [name, values] of headers) res.setHeader(name, values);
  const exchange = new Exchange(req, res, { target: req.url ?? '', client: clients.of(req), events, security });
  exchange.identity = { name: permitted.user, groups: [] };
  try {
    await respond(exchange, permitted, opened);
  } catch (err) {
    respondError(exchange, err, events);
  }
}

function respond(exchange: Exchange, permitted: Permitted, opened: ByteSource | undefined): Promise<void> {
  const { request, sourceHost, namedBy, content } = permitted;
  const isHead = exchange.req.method === 'HEAD';
  const context: ReadContext = {
    exchange,
    notify: () => DONE,
    target(repository) {
      exchange.routed({ sourceHost, storedAs: content.stored, namedBy });
      return { registry: readerOf(permitted, opened), repository };
    },
  };
  if (request.kind === 'manifest') {
    exchange.parsed(isHead ? 'head-manifest' : 'get-manifest', request.repository, referenceText(request.reference));
    return isHead
      ? headManifest({ ...request, kind: 'head-manifest' }, context)
      : getManifest({ ...request, kind: 'get-manifest' }, context);
  }
  exchange.parsed(isHead ? 'head-blob' : 'get-blob', request.repository, request.digest);
  return isHead
    ? headBlob({ ...request, kind: 'head-blob' }, context)
    : getBlob({ ...request, kind: 'get-blob' }, context);
}
