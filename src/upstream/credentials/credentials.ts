import { FileError } from '../../files/watched-file.ts';

/** Credentials for an upstream. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, which is exchanged at the token server and is not a password. */
  | { readonly kind: 'identity-token'; readonly token: string };

/** A source of credentials. */
export interface CredentialsSource {
  /** As in the configuration (`static`, `file`, …); used in events. */
  readonly kind: string;
  /** Its entries are labelled with their hosts, so it may be used for mirrors too. */
  readonly knowsHosts: boolean;

  /**
   * Credentials for a registry host; undefined when there are none.
   *
   * @param host with the port, if it has one
   * @throws {CredentialsError}
   */
  find(host: string): Promise<Credentials | undefined>;

  /** The next {@link find} runs the helper again. Absent for sources without a helper. */
  readonly forget?: () => void;

  /** Token servers, with or without a port, that may get them in addition to those of the registry's own domain. @default none */
  readonly realms?: readonly string[];
}

/** Why a source failed. The message contains nothing of its output. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** @throws {CredentialsError} for a file that cannot be read; else the error itself */
export function failedToLoad(err: unknown): never {
  throw err instanceof FileError ? new CredentialsError(err.message) : err;
}

/** The inverse of {@link basicAuthorization}; undefined for another header. */
export function parseBasicAuthorization(header: string): Credentials | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** @see https://www.rfc-editor.org/rfc/rfc7617 */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
