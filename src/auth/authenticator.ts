import type { PeerCertificate } from 'node:tls';

import type { Access } from './access.ts';
import type { Identity } from './identity.ts';

/** Credentials that a client presents. */
export interface Presented {
  /** The header. Absent when there is none, or one with an empty login. */
  readonly authorization: string | undefined;
  /** IP address; empty on a unix socket. */
  readonly address: string;
  /** Identifies the connection, which has the same {@link certificate} until it ends. */
  readonly connection: object;
  /** Verified by the TLS server. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** Absent when the client has no valid credentials for this method. */
export type Verdict = Identity | undefined;

/** Facts that a challenge can contain. */
export interface ChallengeContext {
  readonly accesses: readonly Access[];
  /** Why the token in the request is not sufficient. RFC 6750, section 3.1. */
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined;
  /** The `Host` that the client used. */
  readonly host: string;
  readonly forwardedProto: string | undefined;
  /** Scheme, host and path prefix by which the client reaches this service, without a slash at the end. */
  readonly baseUrl: string;
}

/** One method to identify clients. */
export interface Authenticator {
  /**
   * Synchronous when the same credentials were good a moment ago.
   *
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  identify(presented: Presented): Verdict | Promise<Verdict>;
  /** For `WWW-Authenticate`. @returns undefined when no header could help */
  challenge(context: ChallengeContext): string | undefined;
}

/** A quoted string of RFC 9110, section 5.6.4. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The scheme, in lower case, and what follows it. RFC 9110, section 11.4. Takes linear time, because the text is untrusted. */
export function splitCredentials(authorization: string): { readonly scheme: string; readonly rest: string } {
  const text = authorization.trim();
  const space = text.indexOf(' ');
  if (space === -1) return { scheme: text.toLowerCase(), rest: '' };
  return { scheme: text.slice(0, space).toLowerCase(), rest: text.slice(space).trimStart() };
}
