import type { Governor } from '../budget/governor.ts';
import { membersFor } from '../budget/members.ts';
import type { Refusal } from '../budget/refusal.ts';
import type { AccountGroup } from './account-groups.ts';
import type { Authorizer } from './authorizer.ts';
import type { CallScope } from './call-scope.ts';
import type { LoginGuard } from './login-guard.ts';
import { pullResponseOf } from './rate-limit.ts';
import type { ExchangeResponse } from './transport.ts';
import { UpstreamError, type UpstreamStatus } from './upstream.ts';

export interface Account extends Pick<AccountGroup, 'name' | 'isFor' | 'groups'> {
  readonly authorizer: Authorizer;
  readonly logins: LoginGuard;
  /** User name of the credentials that were used last. */
  readonly user: () => string;
}

export interface AccountsOptions {
  readonly upstream: string;
  readonly accounts: readonly Account[];
  /** Sends no credentials, whatever the accounts are. */
  readonly visitor: Account;
  /** Absent: pulls are not limited here, and the first account is used. */
  readonly budget: Governor | undefined;
  readonly now: () => number;
}

interface PullResponse extends ExchangeResponse {
  readonly isForeign: boolean;
}

/** The accounts of one base URL, and which of them a request uses. */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Accounts that cannot log in. */
  get logins(): NonNullable<UpstreamStatus['logins']> {
    return this.#options.accounts.flatMap(({ name, logins }) =>
      logins.trouble ? [{ name, account: logins.account, ...logins.trouble }] : [],
    );
  }

  /** Whether a request without a login is made by an account that is for some clients only. */
  isForGroups(repository: string | undefined): boolean {
    return membersFor(this.#options.accounts, repository)[0]?.groups !== undefined;
  }

  prefersOlder(repository: string): boolean {
    return this.#options.budget?.prefersOlder(repository, this.#isAside) ?? false;
  }

  /** The account of a request that is not counted as a pull. @throws {UpstreamError} `unauthorized` when there is none */
  ofCall(repository: string | undefined, { login, account }: Pick<CallScope, 'login' | 'account'>): Account {
    return login === 'anonymous' ? this.#options.visitor : this.of(repository, account);
  }

  /**
   * The account of a request that is not counted as a pull.
   *
   * @param account as for {@link membersFor}
   * @throws {UpstreamError} `unauthorized` when there is none with this name
   */
  of(repository: string | undefined, account?: string): Account {
    const { accounts, budget, upstream } = this.#options;
    const name = budget?.memberFor(repository, { isAside: this.#isAside, account });
    const found = this.#named(name) ?? membersFor(accounts, repository, account)[0];
    if (found) return found;
    throw new UpstreamError('unauthorized', `${upstream}: no credentials for this client`, { upstream });
  }

  /** Sends a pull with an account that has one left; once more with another one when the first is out of pulls. @throws {UpstreamError} */
  async pull<R extends PullResponse>(
    repository: string,
    scope: CallScope,
    send: (account: Account) => Promise<R>,
  ): Promise<R> {
    const { budget } = this.#options;
    const { account } = scope;
    if (!budget) return send(this.of(repository, account));
    const { spending, signal } = scope;
    const admit = (tried: readonly string[]) =>
      budget.admit({ spending, repository, account, tried, isAside: this.#isAside, signal });
    const pull = await admit([]);
    if (!pull.isAdmitted) throw this.#refused(pull);
    const response = await this.#sent(pull, send);
    if (response.status !== 429 || budget.policy.pool === 'order') return response;
    const second = await orDrain(response, admit([pull.member]));
    if (!second.isAdmitted) return response;
    response.body.drain();
    return this.#sent(second, send);
  }

  /** Notes a response to a request that is not counted as a pull. */
  async noted<R extends PullResponse>(account: Account, send: () => Promise<R>): Promise<R> {
    const { budget } = this.#options;
    const ticket = budget?.ticket(account.name);
    const response = await send();
    if (budget && ticket && !response.isForeign) {
      const { isAbuse, ...stated } = pullResponseOf(response, this.#options.now());
      if (isAbuse) budget.pause(stated.retryAfterMs);
      else await budget.observe(account.name, stated, ticket);
    }
    return response;
  }

  async #sent<R extends PullResponse>(
    pull: Extract<Awaited<ReturnType<Governor['admit']>>, { isAdmitted: true }>,
    send: (account: Account) => Promise<R>,
  ): Promise<R> {
    let response: R;
    try {
      response = await send(this.#named(pull.member) as Account);
    } catch (err) {
      await pull.failed();
      throw err;
    }
    const { isAbuse, ...result } = pullResponseOf(response, this.#options.now());
    if (isAbuse) {
      this.#options.budget?.pause(result.retryAfterMs);
      await pull.failed();
    } else {
      await pull.responded(response.isForeign ? { ...result, stated: undefined, source: undefined } : result);
    }
    return response;
  }

  #named(name: string | undefined): Account | undefined {
    return this.#options.accounts.find((account) => account.name === name);
  }

  readonly #isAside = (name: string): boolean => this.#named(name)?.logins.isPaused ?? false;

  #refused({ reason, retryAt }: Refusal): UpstreamError {
    const { upstream, budget, now } = this.#options;
    const retryAfterMs = Math.max(1_000, retryAt - now());
    const message = `${upstream}: ${REASONS[reason]}; the next one is in ${Math.ceil(retryAfterMs / 1_000)} s`;
    const fallback = budget?.policy.onExhausted === 'fallback';
    return new UpstreamError('throttled', message, { upstream, retryAfterMs, budget: { retryAt, fallback } });
  }
}

const REASONS: Readonly<Record<Refusal['reason'], string>> = {
  exhausted: 'no pulls are left',
  share: 'pulls are scarce, and this client has used its share',
  reserve: 'the pulls that are left are reserved for clients',
};

/** Drains the response when the work that it leads to fails. */
export async function orDrain<T>({ body }: ExchangeResponse, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    body.drain();
    throw err;
  }
}
