import type { Credentials } from './credentials/credentials.ts';
import { isLoginLocked } from './throttling-message.ts';
import { type LoginTrouble, UpstreamError } from './upstream.ts';

export interface LoginGuardOptions {
  readonly upstream: string;
  /** Name of the account, for messages. */
  readonly account: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** A helper may return another password at any time, and is called at a limited pace: no pause after a refusal. */
  readonly hasHelper: boolean;
  /** Called when a login fails, and with undefined at the first one that works again. */
  readonly onChange: (trouble: LoginTrouble | undefined, account: string) => void;
}

/** Docker Hub locks logins for about this long. Milliseconds. */
const FIRST_HOLD_MS = 10 * 60_000;
const MAX_HOLD_MS = 4 * 60 * 60_000;
/** After a login that worked, a refusal concerns the repository: some token servers refuse with 401 what the account may not read. */
const TRUSTED_MS = 10 * 60_000;

/**
 * Protects an account from failing logins: each one may lengthen a lock-out. After a failure there are no logins for ten minutes, doubling,
 * unless the credentials change. Tokens that were issued before stay in use.
 */
export class LoginGuard {
  readonly #options: LoginGuardOptions;
  #trouble: LoginTrouble | undefined;
  #failures = 0;
  #workedAt = -Infinity;
  #refused: Credentials | undefined;

  constructor(options: LoginGuardOptions) {
    this.#options = options;
  }

  get account(): string {
    return this.#options.account();
  }

  /** There are no logins at the moment. */
  get isPaused(): boolean {
    return (this.#trouble?.retryAt ?? 0) > this.#options.now();
  }

  /** Absent while logins work, and before the first one. */
  get trouble(): LoginTrouble | undefined {
    return this.#trouble;
  }

  get workedLately(): boolean {
    return this.#options.now() - this.#workedAt < TRUSTED_MS;
  }

  /**
   * While there are no logins, clients get the error that the last login had. The error does not name the account.
   *
   * @throws {UpstreamError} `unauthorized` after a refusal, `throttled` in a lock-out
   */
  enter(shown: Credentials | undefined): void {
    const waitMs = (this.#trouble?.retryAt ?? 0) - this.#options.now();
    if (waitMs <= 0 || !isSame(shown, this.#refused)) return;
    const { upstream } = this.#options;
    const next = `the next login is in ${Math.ceil(waitMs / 1_000)} s`;
    if (this.#trouble?.reason === 'refused')
      throw new UpstreamError('unauthorized', `${upstream}: the configured credentials were refused; ${next}`, {
        upstream,
      });
    const message = `${upstream}: logins of the configured account are locked out; ${next}`;
    throw new UpstreamError('throttled', message, { upstream, retryAfterMs: waitMs });
  }

  succeeded(): void {
    this.#workedAt = this.#options.now();
    this.#failures = 0;
    this.#refused = undefined;
    if (this.#trouble) this.#become(undefined);
  }

  /** @param shown the credentials; absent for an anonymous token */
  failed(err: unknown, shown: Credentials | undefined): void {
    const reason = reasonOf(err, shown);
    if (reason === undefined || (reason === 'refused' && this.workedLately)) return;
    if (reason === 'refused' && this.#options.hasHelper) return this.refusedForNow();
    const now = this.#options.now();
    const holdMs = Math.min(FIRST_HOLD_MS * 2 ** this.#failures, MAX_HOLD_MS);
    this.#failures += 1;
    this.#refused = shown;
    const retryAfterMs = (err as UpstreamError).options.retryAfterMs ?? 0;
    this.#become({ reason, since: this.#trouble?.since ?? now, retryAt: now + Math.max(holdMs, retryAfterMs) });
  }

  /** Credentials were refused, and are sent again with the next request. */
  refusedForNow(): void {
    const now = this.#options.now();
    this.#become({ reason: 'refused', since: this.#trouble?.since ?? now });
  }

  #become(trouble: LoginTrouble | undefined): void {
    this.#trouble = trouble;
    this.#options.onChange(trouble, this.#options.account());
  }
}

function reasonOf(err: unknown, shown: Credentials | undefined): LoginTrouble['reason'] | undefined {
  if (!(err instanceof UpstreamError)) return undefined;
  if (err.kind === 'throttled') {
    // Anonymous requests, and a server that names a time, are limited by their number, which ends sooner.
    const isOfRequests = shown === undefined || err.options.retryAfterMs !== undefined;
    return isOfRequests && !isLoginLocked(err.message) ? undefined : 'locked-out';
  }
  return err.kind === 'unauthorized' && shown !== undefined ? 'refused' : undefined;
}

function isSame(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
