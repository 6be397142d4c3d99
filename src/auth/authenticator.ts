import type { PeerCertificate } from 'node:tls';

import type { Access } from './access.ts';
import type { Identity } from './identity.ts';

/** What a client shows of itself. */
export interface Presented {
  /** The header; undefined when there is none, or one that says nobody. */
  readonly authorization: string | undefined;
  /** IP address; empty on a unix socket. */
  readonly address: string;
  /** Stands for the connection; has the same {@link certificate} as long as it lasts. */
  readonly connection: object;
  /** Verified by the TLS server. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** Undefined: nothing that is good with this method. */
export type Verdict = Identity | undefined;

/** What a challenge can tell. */
export interface ChallengeContext {
  readonly accesses: readonly Access[];
  /** Why the token that was sent is not enough. RFC 6750, section 3.1. */
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined;
  /** The `Host` that the client used. */
  readonly host: string;
  readonly forwardedProto: string | undefined;
  /** Scheme and host of this service as the client reaches it, and the path prefix, without a slash at the end. */
  readonly baseUrl: string;
}

/** One way to tell who is calling. */
export interface Authenticator {
  /**
   * Does not wait when it has seen the same lately.
   *
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  identify(presented: Presented): Verdict | Promise<Verdict>;
  /** For `WWW-Authenticate`; undefined when nothing in a header could help. */
  challenge(asked: ChallengeContext): string | undefined;
}

/** A quoted string of RFC 9110, section 5.6.4. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The scheme, in lower case, and what follows it. RFC 9110, section 11.4. Linear in the text, which strangers send. */
export function splitCredentials(authorization: string): { readonly scheme: string; readonly rest: string } {
  const text = authorization.trim();
  const space = text.indexOf(' ');
  if (space === -1) return { scheme: text.toLowerCase(), rest: '' };
  return { scheme: text.slice(0, space).toLowerCase(), rest: text.slice(space).trimStart() };
}
