import type { IncomingMessage } from 'node:http';

import { RegistryError, type RegistryErrorCode } from '../../oci/errors.ts';
import { discard, readBounded } from './relay-response-body.ts';

/** Bytes. A push can lack thousands of layers, with an error for each. */
const MAX_BODY = 1024 * 1024;
/** Clients show only the first ones. */
const MAX_ERRORS = 1000;
/** Characters. */
const MAX_MESSAGE = 1000;

/** For a refusal without valid errors, and for one from a host other than the upstream's. */
const CODES: Readonly<Record<number, RegistryErrorCode>> = {
  404: 'BLOB_UPLOAD_UNKNOWN',
  405: 'UNSUPPORTED',
  413: 'SIZE_INVALID',
  416: 'RANGE_INVALID',
  429: 'TOOMANYREQUESTS',
};

export interface RelayedErrors {
  readonly errors: readonly { readonly code: string; readonly message: string; readonly detail?: unknown }[];
}

export interface RefusalOptions {
  readonly upstream: string;
  /** The response is from a host other than the upstream's. */
  readonly isForeign: boolean;
}

/**
 * The errors for the client of a refused write. The upstream's own errors are passed on when they are valid errors of a registry; other
 * bodies are not, nor any from a foreign host.
 */
export async function refusalOf(
  response: IncomingMessage,
  { upstream, isForeign }: RefusalOptions,
): Promise<RelayedErrors> {
  const { statusCode: status = 502 } = response;
  if (isForeign) discard(response);
  const errors = isForeign ? [] : parseErrors(await readBounded(response, MAX_BODY));
  if (errors.length > 0) return { errors };
  const code = status >= 500 ? 'UNAVAILABLE' : (CODES[status] ?? 'BLOB_UPLOAD_INVALID');
  return new RegistryError(code, `${upstream} refused the request with status ${status}`).toJSON();
}

function parseErrors(body: Buffer | undefined): RelayedErrors['errors'] {
  try {
    const { errors } = (JSON.parse(body?.toString('utf8') ?? '') ?? {}) as { errors?: unknown };
    return Array.isArray(errors) ? errors.slice(0, MAX_ERRORS).flatMap((error: unknown) => parseError(error)) : [];
  } catch {
    return [];
  }
}

/** @returns none or one */
function parseError(error: unknown): RelayedErrors['errors'] {
  const { code, message, detail } = (error ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !/^[A-Z_]{1,64}$/.test(code)) return [];
  const text = typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : '';
  return [{ code, message: text, ...(detail !== undefined && { detail }) }];
}
