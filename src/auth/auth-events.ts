/** Events of logins for operators. Only {@link AuthEvents.userCreated} contains a secret. */
export interface AuthEvents {
  /** A file with users, groups or keys was read at startup or after a change. */
  fileLoaded(event: { readonly key: string; readonly path: string; readonly entries: number }): void;
  /** A changed file cannot be used; its last good content stays in use. */
  fileFailed(event: { readonly key: string; readonly path: string; readonly reason: string }): void;
  /** A line of a file has no effect. */
  lineSkipped(event: {
    readonly key: string;
    readonly path: string;
    readonly line: number;
    readonly reason: string;
  }): void;
  /** The file with users was missing and has been created. As in distribution, only the log shows its password. */
  userCreated(event: { readonly path: string; readonly user: string; readonly password: string }): void;
  /** Credentials were rejected. */
  loginFailed(event: { readonly method: string; readonly address: string; readonly reason: string }): void;
  /** An address is blocked for a time after many wrong passwords. */
  addressBlocked(event: { readonly address: string; readonly forMs: number }): void;
  /** The keys of a token server were fetched. */
  keysFetched(event: { readonly url: string; readonly keys: number }): void;
  /** They were not; the cached ones stay in use. */
  keysNotFetched(event: { readonly url: string; readonly reason: string }): void;
  /** Tokens are signed with a key that only this process has. */
  keyIsTemporary(): void;
}
