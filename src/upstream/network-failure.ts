import { UpstreamError, type UpstreamErrorKind } from './upstream.ts';

const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** Failures that another try may not meet; a wrong certificate or an unknown host is not one. */
const TRANSIENT = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_EOF_STATE',
]);

/** What a failed connection or a broken body means. Names the host, never the path, which may be signed. */
export function networkFailure(upstream: string, host: string, cause: unknown): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const kind = failureKind(codeOf(cause));
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : codeOf(cause);
  return new UpstreamError(kind, `${upstream}: ${host}: ${reason}`, { upstream, cause });
}

export function isTransient(error: UpstreamError): boolean {
  return error.kind === 'network' && TRANSIENT.has(codeOf(error.cause));
}

function failureKind(code: string): UpstreamErrorKind {
  if (TIMEOUTS.has(code)) return 'timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'protocol';
  // llhttp names every syntax error HPE_…; this one is a connection that ended inside a chunked body.
  return code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' ? 'protocol' : 'network';
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : 'unknown failure';
}
