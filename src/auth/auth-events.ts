/** What operators are told of logging in. None of it has a secret, but that of {@link AuthEvents.userCreated}. */
export interface AuthEvents {
  /** A file with users, groups or keys was read again, or for the first time. */
  fileLoaded(event: { readonly key: string; readonly path: string; readonly entries: number }): void;
  /** It could not be: what was read before counts on. */
  fileFailed(event: { readonly key: string; readonly path: string; readonly reason: string }): void;
  /** One line of a file is left out. */
  lineSkipped(event: {
    readonly key: string;
    readonly path: string;
    readonly line: number;
    readonly reason: string;
  }): void;
  /** There was no file with users. As in distribution, the log is where the first password is to be had. */
  userCreated(event: { readonly path: string; readonly user: string; readonly password: string }): void;
  /** Somebody was not let in. */
  loginFailed(event: { readonly method: string; readonly address: string; readonly reason: string }): void;
  /** An address has to wait after many wrong passwords. */
  addressBlocked(event: { readonly address: string; readonly forMs: number }): void;
  /** Keys were fetched, or could not be. */
  keysFetched(event: { readonly url: string; readonly keys: number }): void;
  keysNotFetched(event: { readonly url: string; readonly reason: string }): void;
  /** Tokens are signed by a key that nobody else has, and that ends with the process. */
  keyIsTemporary(): void;
}
