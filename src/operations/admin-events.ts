/** A client that uses the admin API. */
export interface Administrator {
  /** Absent when it has no name, such as on the socket or with the admin token. */
  readonly user: string | undefined;
  /** How it is known: by a header, a cookie or its address. */
  readonly by: string;
  /** Of the client; `unix` on the socket. */
  readonly address: string;
}

export interface AdminChange extends Administrator {
  /** Method and path of the request below that of the admin API: `POST /pins`. */
  readonly action: string;
  /** Names of the changed content, as the client wrote them. Absent when the action has none. */
  readonly target: string | undefined;
}

/** What clients of the admin API and the dashboard do. */
export interface AdminEvents {
  /** A browser has a session. @param signIn.by `password`, `token`, `link` or `oidc` */
  signedIn(signIn: Administrator): void;
  changeMade(change: AdminChange): void;
}
