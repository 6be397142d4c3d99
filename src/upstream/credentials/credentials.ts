import { FileError } from '../../files/watched-file.ts';

/** What we show an upstream to prove who we are. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, which is exchanged at the token server and is no password. */
  | { readonly kind: 'identity-token'; readonly token: string };

/** A place credentials come from. */
export interface CredentialsSource {
  /** As in the configuration (`static`, `file`, …); used in events. */
  readonly kind: string;
  /** What it has is labelled with the host it is for, so it may be asked about mirrors too. */
  readonly knowsHosts: boolean;

  /**
   * What it has for a registry host; undefined when it has nothing.
   *
   * @param host with the port, if it has one
   * @throws {CredentialsError}
   */
  find(host: string): Promise<Credentials | undefined>;

  /** The next {@link find} asks the helper again. Absent where no helper is asked. */
  readonly forget?: () => void;

  /** Token servers, with or without a port, that may have them besides those of the registry's own domain. @default none */
  readonly realms?: readonly string[];
}

/** Why a source failed. The message holds nothing of what the source said. */
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
