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
}

/** Why a source failed. The message holds nothing of what the source said. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** @see https://www.rfc-editor.org/rfc/rfc7617 */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
