import type { Spending } from '../budget/spending.ts';
import type { UpstreamLogin } from '../registry/registry.ts';
import { UpstreamError, type UpstreamCallOptions } from './upstream.ts';

const CLIENT: Spending = { class: 'client' };

/**
 * The deadline and the signal of one call: all its work ends when the caller aborts (with the caller's reason)
 * or when the deadline passes (with an {@link UpstreamError} of kind `timeout`). Close it when the call is over.
 */
export class CallScope {
  /** Who pulls. */
  readonly spending: Spending;
  /** Whose credentials are sent. Absent: those of any account that is for the repository. */
  readonly login: UpstreamLogin | undefined;
  /** Tokens that were issued earlier are not used: they may outlive the right to read. */
  readonly needsNewToken: boolean;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #deadline: NodeJS.Timeout | undefined;
  readonly #endsAt: number;

  constructor(
    upstream: string,
    { signal, deadlineMs, spending = CLIENT, login }: UpstreamCallOptions = {},
    { needsNewToken = false }: { readonly needsNewToken?: boolean } = {},
  ) {
    this.spending = spending;
    this.login = login;
    this.needsNewToken = needsNewToken;
    this.#caller = signal;
    this.#endsAt = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
    if (signal?.aborted) this.#onAbort();
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (deadlineMs !== undefined) {
      const message = `${upstream}: no response within ${deadlineMs} ms`;
      const expire = () => this.#controller.abort(new UpstreamError('timeout', message, { upstream }));
      this.#deadline = setTimeout(expire, deadlineMs);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds until the deadline; `Infinity` without one. */
  get remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /** As for `membersFor`; absent without one, and for requests without an account. */
  get account(): string | undefined {
    return typeof this.login === 'object' && 'account' in this.login ? this.login.account : undefined;
  }

  /** A login that a mirror must not get, with the name of a private repository. */
  get isForRegistryAlone(): boolean {
    return this.authorization !== undefined || Boolean(this.account);
  }

  /** The header of a client. */
  get authorization(): string | undefined {
    return typeof this.login === 'object' && 'authorization' in this.login ? this.login.authorization : undefined;
  }

  /** Fails as soon as the scope ends, even if `work` continues. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    let stop: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      if (stop) signal.removeEventListener('abort', stop);
    }
  }

  /** From now on, only the caller's signal ends it. */
  endDeadline(): void {
    clearTimeout(this.#deadline);
  }

  close(): void {
    this.endDeadline();
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = () => this.#controller.abort(this.#caller?.reason);
}
