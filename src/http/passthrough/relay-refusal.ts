import type { IncomingMessage } from 'node:http';

import { RegistryError, type RegistryErrorCode } from '../../oci/errors.ts';
import { discard, readBounded } from './relay-response-body.ts';

/** Bytes. A push can miss thousands of layers, each with an error of its own. */
const MAX_BODY = 1024 * 1024;
/** A client stops at the first anyway. */
const MAX_ERRORS = 1000;
/** Characters. */
const MAX_MESSAGE = 1000;

/** For a refusal without readable errors, and for one from a host that is not the upstream's. */
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
  /** It came from another host than the upstream's. */
  readonly isForeign: boolean;
}

/**
 * Why a write was refused, as the client hears it. The upstream's own errors are passed on when they are errors of a registry; no other
 * body is, and none of a foreign host.
 */
export async function refusalOf(
  answer: IncomingMessage,
  { upstream, isForeign }: RefusalOptions,
): Promise<RelayedErrors> {
  const { statusCode: status = 502 } = answer;
  if (isForeign) discard(answer);
  const errors = isForeign ? [] : parseErrors(await readBounded(answer, MAX_BODY));
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

/** None or one. */
function parseError(error: unknown): RelayedErrors['errors'] {
  const { code, message, detail } = (error ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || !/^[A-Z_]{1,64}$/.test(code)) return [];
  const text = typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : '';
  return [{ code, message: text, ...(detail !== undefined && { detail }) }];
}
