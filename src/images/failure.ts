import { RegistryError } from '../oci/errors.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import { ImageError } from './image-error.ts';

/**
 * What went wrong, and what can be done about it, for a terminal.
 *
 * @returns undefined for what is a fault of ours
 */
export function explainFailure(err: unknown): string | undefined {
  if (err instanceof UpstreamError)
    return [err.message, adviceFor(err)].filter((line) => line !== undefined).join('\n  ');
  if (err instanceof ImageError || err instanceof RegistryError) return err.message;
  // Of the file system: no room, no permission.
  return err instanceof Error && 'syscall' in err ? err.message : undefined;
}

/** Certificates that nobody vouches for, or for another name, or out of date. */
const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/;
const NO_TLS = /^(?:EPROTO|ERR_SSL_\w+)$/;

function adviceFor({ kind, options }: UpstreamError): string | undefined {
  const { cause, upstream } = options;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (kind === 'unauthorized') {
    return `log in with: docker login ${upstream}   (or name a file that has the credentials: --authfile)`;
  }
  if (kind === 'denied') return `these credentials may not do that; others by: docker login ${upstream}`;
  if (UNTRUSTED.test(code)) return 'trust its CA with --tls-ca ca.pem, or any certificate with --insecure';
  return NO_TLS.test(code) ? 'if it speaks plain HTTP: --plain-http' : undefined;
}
