import type { OutgoingHttpHeaders } from 'node:http';

import { type RegistryError, toRegistryError } from '../../oci/errors.ts';
import { cutResponse, isGone } from '../listen/http2.ts';
import { endEarly, hasLongRest } from '../listen/unread-body.ts';
import type { Exchange } from './exchange.ts';
import type { ErrorLog } from './request-events.ts';

export interface ErrorOptions {
  readonly log: ErrorLog;
  /** The error for the client when content cannot be read or written, with its `cause` for the log. Absent for other errors. */
  readonly toStorageFailure?: ((err: unknown) => RegistryError | undefined) | undefined;
}

/** The only place where an error becomes a response, or a cut connection when headers are out. */
export function respondError(exchange: Exchange, err: unknown, { log, toStorageFailure }: ErrorOptions): void {
  const { res } = exchange;
  if (isGone(res)) return;
  const storageFailure = toStorageFailure?.(err);
  const error = storageFailure ?? toRegistryError(err);
  exchange.failed(error);
  if (storageFailure) log.error({ 'err.detail': String(err) }, 'storage unavailable');
  if (error.code === 'UNKNOWN') log.error({ 'err.detail': describe(err) }, 'request failed');
  if (res.headersSent) cutResponse(res);
  else sendError(exchange, error);
}

function sendError(exchange: Exchange, error: RegistryError): void {
  const { req, res } = exchange;
  const body = Buffer.from(`${JSON.stringify(error)}\n`);
  const { headers, retryAfterMs, omitsOutcome } = error.options;
  const errorHeaders: OutgoingHttpHeaders = {
    ...exchange.commonHeaders(),
    'content-type': 'application/json',
    'content-length': body.length,
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
    ...(hasLongRest(req) && { connection: 'close' }),
    ...headers,
  };
  if (omitsOutcome) delete errorHeaders['x-cache'];
  res.writeHead(error.status, errorHeaders);
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  endEarly(req, res, body);
}

function describe(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err);
}
