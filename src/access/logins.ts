import type { AccessCaller } from '../registry/repository-access.ts';
import type { UpstreamLogin } from '../registry/registry.ts';
import { ANONYMOUS_SUBJECT } from './decision.ts';

/** Credentials with which a client's right to read is checked, and its content fetched. */
export interface Login {
  /** In decisions. Never a secret. */
  readonly subject: string;
  readonly check: UpstreamLogin;
  readonly admission: Admission;
  /** When its token ends. Unix milliseconds. Absent when that is not known. */
  readonly endsAt?: number | undefined;
}

/** A client may read a repository. */
export interface Admission {
  /** For the calls to the upstream that the client's request leads to. */
  readonly login: UpstreamLogin;
  readonly isPrivate: boolean;
}

/** An account of the configuration that pulls for groups of clients. */
export interface GroupAccount {
  readonly name: string;
  readonly groups: readonly string[];
  /** Absent for all repositories. */
  readonly isFor?: ((repository: string) => boolean) | undefined;
}

/** Content that every client gets is fetched with an account that is for every client. */
export const PUBLIC: Admission = { login: { account: '' }, isPrivate: false };

export const VISITOR: Login = { subject: ANONYMOUS_SUBJECT, check: 'anonymous', admission: PUBLIC };

/** @returns the login of each account that is for one of the client's groups */
export function createLoginsOf(
  accounts: readonly GroupAccount[],
): (repository: string, caller: Pick<AccessCaller, 'groups'>) => readonly Login[] {
  const known = accounts.map((account) => ({ account, login: accountLogin(account.name) }));
  return (repository, { groups }) =>
    groups.length === 0
      ? []
      : known
          .filter(({ account }) => account.groups.some((group) => groups.includes(group)))
          .filter(({ account }) => account.isFor?.(repository) ?? true)
          .map(({ login }) => login);
}

function accountLogin(account: string): Login {
  const login = { account };
  return { subject: `account:${account}`, check: login, admission: { login, isPrivate: true } };
}
