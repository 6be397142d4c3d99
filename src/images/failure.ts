import { RegistryError } from '../oci/errors.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { ImageError } from './image-error.ts';

/**
 * What went wrong, and what can be done about it, for a terminal.
 *
 * @returns undefined for an internal error
 */
export function explainFailure(err: unknown): string | undefined {
  if (err instanceof RegistryError) {
    const advice = err.cause instanceof UpstreamError ? adviceFor(err.cause) : undefined;
    return advice === undefined ? err.message : `${err.message}\n  ${advice}`;
  }
  if (err instanceof ImageError) return err.message;
  // Of the file system: disk full, permission denied.
  return err instanceof Error && 'syscall' in err ? err.message : undefined;
}

/** Certificates of an unknown CA, for another name, or out of date. */
const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/;
const NO_TLS = /^(?:EPROTO|ERR_SSL_\w+)$/;

function adviceFor({ kind, options }: UpstreamError): string | undefined {
  const { cause, upstream } = options;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (kind === 'unauthorized') {
    return `log in with: docker login ${upstream}   (or name a file that has the credentials: --authfile)`;
  }
  if (kind === 'denied')
    return `these credentials are not allowed to do that; use others with: docker login ${upstream}`;
  if (UNTRUSTED.test(code))
    return 'trust its CA with --tls-ca ca.pem, or skip certificate verification with --insecure';
  return NO_TLS.test(code) ? 'for a registry without TLS: --plain-http' : undefined;
}

/** A reason that begins with the registry of an image, for a line that begins with the name of the image. */
export function withoutHost(reason: string, name: string): string {
  const host = `${name.slice(0, name.indexOf('/'))}: `;
  return reason.startsWith(host) ? reason.slice(host.length) : reason;
}
