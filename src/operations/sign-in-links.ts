/** Signs a browser in to the dashboard once. */
export interface SignInLink {
  readonly url: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** The same interface in the process and over the admin API. */
export interface SignInLinks {
  /** @throws {ControlError} `unavailable` when there is no dashboard that a browser can reach */
  createLink(): Promise<SignInLink>;
}
