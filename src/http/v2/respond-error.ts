import type { OutgoingHttpHeaders } from 'node:http';

import { RegistryError, toRegistryError } from '../../oci/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Exchange } from './exchange.ts';
import { cutAnswer, isGone } from '../listen/http2.ts';
import { endEarly, hasLongRest } from '../listen/unread-body.ts';

/** The only place where an error becomes an answer; it knows whether the headers have gone out. */
export function answerError(exchange: Exchange, err: unknown, log: Log): void {
  const { res } = exchange;
  if (isGone(res)) return; // nobody to answer, nothing to report
  const error = isStorageError(err) ? storageError(err) : toRegistryError(err);
  exchange.failed(error);
  if (isStorageError(err)) log.error({ 'err.detail': err.message }, 'the storage cannot be used');
  if (error.code === 'UNKNOWN') log.error({ 'err.detail': describe(err) }, 'request failed by a fault of ours');
  if (res.headersSent) {
    cutAnswer(res); // too late for a status; a cut connection is the honest answer left
    return;
  }
  sendError(exchange, error);
}

const STORAGE_ERRORS: ReadonlySet<string> = new Set([
  'StorageUnavailableError',
  'StorageFullError',
  'StorageReadOnlyError',
  'UnreadablePathError',
]);

function isStorageError(err: unknown): err is Error {
  return err instanceof Error && STORAGE_ERRORS.has(err.name);
}

/** The reason is for the log: it names hosts and keys. */
function storageError(cause: Error): RegistryError {
  switch (cause.name) {
    case 'StorageFullError':
      // RFC 4918, section 11.5: Insufficient Storage.
      return new RegistryError('UNAVAILABLE', 'there is no room left in the storage', { cause, status: 507 });
    case 'StorageReadOnlyError':
      return new RegistryError('UNAVAILABLE', 'the storage is read-only: nothing can be pushed or deleted', { cause });
    case 'UnreadablePathError':
      return new RegistryError('UNAVAILABLE', 'the storage cannot be read', { cause });
    default:
      return new RegistryError('UNAVAILABLE', 'the storage cannot be reached', { cause });
  }
}

function sendError(exchange: Exchange, error: RegistryError): void {
  const { req, res } = exchange;
  const body = Buffer.from(`${JSON.stringify(error)}\n`);
  const { headers, retryAfterMs } = error.options;
  const answerHeaders: OutgoingHttpHeaders = {
    ...exchange.commonHeaders(),
    'content-type': 'application/json',
    'content-length': body.length,
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }),
    ...(hasLongRest(req) && { connection: 'close' }),
    ...headers,
  };
  res.writeHead(error.status, answerHeaders);
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  endEarly(req, res, body);
}

function describe(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err);
}
