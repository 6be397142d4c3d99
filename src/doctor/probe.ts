import { readFile, stat } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';

import type { UpstreamConfig } from '../config/config.ts';
import { type BoundedFetchOptions, boundedFetch, type FetchedResponse } from '../fetch/bounded-fetch.ts';

const TIMEOUT_MS = 4_000;
const MAX_BYTES = 1024 * 1024;

/** One small request. @throws the network's error, with its `code` */
export function probe(url: string, options: Partial<BoundedFetchOptions> = {}): Promise<FetchedResponse> {
  return boundedFetch(url, { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, ...options });
}

/** `/v2/` of a registry. */
export async function pingUpstream(
  { remoteUrl, tls }: UpstreamConfig,
  headers: Readonly<Record<string, string>> = {},
): Promise<FetchedResponse> {
  const ca = tls.caFile === undefined ? undefined : [...rootCertificates, await readRegularFile(tls.caFile)];
  return probe(`${remoteUrl.replace(/\/$/, '')}/v2/`, { ca, rejectUnauthorized: !tls.insecure, headers });
}

/** @throws for a pipe or a device, which may never end and would keep the process */
export async function readRegularFile(path: string): Promise<string> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a regular file`);
  return readFile(path, 'utf8');
}

/** The code of a failure, such as `ECONNREFUSED`. Empty when there is none. */
export function codeOf(err: unknown): string {
  return err instanceof Error && 'code' in err ? String(err.code) : '';
}

/** Codes of certificates that are not trusted, and their reasons. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is of a CA that this machine does not trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the chain of the certificate is not complete, or its CA is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is of a CA that this machine does not trust',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
};

/** @returns undefined when the failure is not about a certificate */
export function whyUntrusted(err: unknown): string | undefined {
  return UNTRUSTED[codeOf(err)];
}

/** Codes of certificates that are not signed by a CA that is trusted. */
export function isOfOtherCa(err: unknown): boolean {
  return /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/.test(codeOf(err));
}

/** Servers with TLS respond so to HTTP: "Client sent an HTTP request to an HTTPS server", or a redirect. */
export function isTlsPeer({ status, body, headers }: FetchedResponse): boolean {
  return status === 400 && /https/i.test(`${body.toString()}${headers['location'] ?? ''}`);
}

/** Others end the connection without a response. */
export async function speaksTls(url: string): Promise<boolean> {
  try {
    await probe(url.replace(/^http:/, 'https:'), { rejectUnauthorized: false });
    return true;
  } catch {
    return false;
  }
}

/** @param url of a server, without a path */
export async function isLayover(url: string): Promise<boolean> {
  try {
    const { headers } = await probe(`${url}/v2/`, { rejectUnauthorized: false });
    return headers['x-cache'] !== undefined;
  } catch {
    return false;
  }
}

/** OpenSSL's codes for a peer that does not speak TLS, by versions of Node. */
export function isPlainPeer(err: unknown): boolean {
  return /^(?:ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/.test(codeOf(err));
}
