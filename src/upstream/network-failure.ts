import { UpstreamError } from './upstream.ts';

const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** Failures that a retry may not meet; a wrong certificate or an unknown host is not one of them. */
const TRANSIENT = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** The error for a failed connection or a broken body. Names the host, never the path, which may be signed. */
export function networkFailure(upstream: string, host: string, cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const code = codeOf(cause);
  const message = `${upstream}: ${host}: ${cause instanceof Error && cause.message !== '' ? cause.message : code}`;
  if (TIMEOUTS.has(code)) return new UpstreamError('timeout', message, { upstream, cause });
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new UpstreamError('protocol', message, { upstream, cause });
  // The parser's error contains the bytes that it failed at, which belong in no log.
  if (cause instanceof Error && cause.name === 'HTTPParserError') {
    return new UpstreamError('protocol', message, { upstream });
  }
  return new UpstreamError('network', message, { upstream, cause });
}

export function isTransient(error: UpstreamError): boolean {
  return error.kind === 'network' && TRANSIENT.has(codeOf(error.cause));
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'unknown failure';
}
