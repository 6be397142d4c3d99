import type { OutgoingHttpHeaders } from 'node:http';

import { RegistryError, toRegistryError } from '../oci/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';

/** The only place where an error becomes an answer; it knows whether the headers have gone out. */
export function answerError(exchange: Exchange, err: unknown, log: Log): void {
  const { res } = exchange;
  if (res.destroyed) return; // nobody to answer, nothing to report
  const error = isStorageUnavailable(err) ? storageUnavailable(err) : toRegistryError(err);
  exchange.failed(error);
  if (isStorageUnavailable(err)) log.error({ 'err.detail': err.message }, 'the storage cannot be used');
  if (error.code === 'UNKNOWN') log.error({ 'err.detail': describe(err) }, 'request failed by a fault of ours');
  if (res.headersSent) {
    res.destroy(); // too late for a status; a cut connection is the honest answer left
    return;
  }
  sendError(exchange, error);
}

function isStorageUnavailable(err: unknown): err is Error {
  return err instanceof Error && err.name === 'StorageUnavailableError';
}

/** The reason is for the log: it names hosts and keys. */
function storageUnavailable(cause: Error): RegistryError {
  return new RegistryError('UNAVAILABLE', 'the storage cannot be reached', { cause });
}

function sendError(exchange: Exchange, error: RegistryError): void {
  const { res } = exchange;
  const body = Buffer.from(`${JSON.stringify(error)}\n`);
  const { headers, retryAfterMs } = error.options;
  const answerHeaders: OutgoingHttpHeaders = {
    ...exchange.commonHeaders(),
    'content-type': 'application/json',
    'content-length': body.length,
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
    ...headers,
  };
  res.writeHead(error.status, answerHeaders);
  exchange.sent(exchange.req.method === 'HEAD' ? 0 : body.length);
  res.end(body);
}

function describe(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err);
}
