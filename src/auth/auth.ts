import type { AuthConfig, HtpasswdConfig, TokenConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import {
  type ChallengeContext,
  type Authenticator,
  type Presented,
  splitCredentials,
  type Verdict,
} from './authenticator.ts';
import { FailureLimit } from './failure-limit.ts';
import { Groups } from './groups.ts';
import { ANONYMOUS, type Identity } from './identity.ts';
import { createMtls } from './mtls.ts';
import { Policy } from './policy.ts';
import { createSilly } from './silly.ts';
import type { TokenIssuer, TokenIssuerOptions } from './token-issuer.ts';

/** The client that sent a request. */
export interface Caller {
  readonly identity: Identity;
  /** It sent credentials that were rejected. */
  readonly isRefused: boolean;
}

export interface AuthOptions {
  readonly config: AuthConfig;
  readonly events: AuthEvents;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

interface Methods {
  /** Methods with a password or certificate. */
  readonly logins: readonly Authenticator[];
  /** All methods. */
  readonly all: readonly Authenticator[];
  /** Methods that challenges announce. */
  readonly offered: readonly Authenticator[];
  readonly issuer: TokenIssuer | undefined;
  /** Absent without users with passwords. */
  readonly passwordMark: PasswordMark | undefined;
}

/** A value that changes with the user's password; undefined when there is no such user. */
type PasswordMark = (user: string) => Promise<string | undefined>;

/** Identifies clients by the configured methods, and has the rules for what they may do. */
export class Auth {
  readonly policy: Policy;
  /** `auth.policy` is set: not every known client may see everything. */
  readonly isRestricted: boolean;
  /** Anonymous clients may request `/v2/`. */
  readonly openPing: boolean;
  /** Absent when this service issues no tokens. */
  readonly issuer: TokenIssuer | undefined;
  readonly #methods: Methods;
  readonly #groups: Groups;

  private constructor(config: AuthConfig, methods: Methods, groups: Groups) {
    this.policy = new Policy(config.policy);
    this.isRestricted = config.isRestricted;
    this.openPing = config.openPing;
    this.issuer = methods.issuer;
    this.#methods = methods;
    this.#groups = groups;
  }

  /** @throws {Error} when a file cannot be used */
  static async open(options: AuthOptions): Promise<Auth> {
    return new Auth(options.config, await openMethods(options), await Groups.open(options.config, options));
  }

  /**
   * Identifies the client by the first method that accepts its credentials. Synchronous when the same credentials were good a moment ago.
   *
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  identify(presented: Presented): Caller | Promise<Caller> {
    const verdict = firstVerdict(this.#methods.all, withoutEmptyLogin(presented));
    return verdict instanceof Promise
      ? verdict.then((known) => this.#toCaller(known, presented))
      : this.#toCaller(verdict, presented);
  }

  /** Identifies the client by password or certificate only, without the groups that {@link withGroups} adds. @throws like {@link identify} */
  async logIn(presented: Presented): Promise<Caller> {
    const shown = withoutEmptyLogin(presented);
    const identity = await firstVerdict(this.#methods.logins, shown);
    return { identity: identity ?? ANONYMOUS, isRefused: !identity && shown.authorization !== undefined };
  }

  /** Adds the groups of the configuration. */
  withGroups(identity: Identity): Identity | Promise<Identity> {
    const groups = identity.name === '' ? [] : this.#groups.of(identity.name);
    return groups instanceof Promise ? groups.then((read) => join(identity, read)) : join(identity, groups);
  }

  get hasPasswords(): boolean {
    return this.#methods.passwordMark !== undefined;
  }

  /** A value that changes with the user's password; undefined when there is no such user. */
  async passwordMark(user: string): Promise<string | undefined> {
    return this.#methods.passwordMark?.(user);
  }

  /** One challenge for each method that a client could use. */
  challenges(context: ChallengeContext): string[] {
    const all = this.#methods.offered.map((method) => method.challenge(context));
    return all.filter((challenge) => challenge !== undefined);
  }

  #toCaller(verdict: Verdict, presented: Presented): Caller | Promise<Caller> {
    if (!verdict) return { identity: ANONYMOUS, isRefused: withoutEmptyLogin(presented).authorization !== undefined };
    const identity = this.withGroups(verdict);
    if (identity instanceof Promise) return identity.then((joined) => ({ identity: joined, isRefused: false }));
    return { identity, isRefused: false };
  }
}

async function openMethods({ config, events, now }: AuthOptions): Promise<Methods> {
  const htpasswd = config.htpasswd && (await openHtpasswd(config.htpasswd, { config, events, now }));
  const token = config.token && (await openToken(config.token, { events, now }));
  const passwordMark: PasswordMark | undefined = htpasswd && ((user) => htpasswd.passwordMark(user));
  const issuer = config.issuer && (await openIssuer({ config: config.issuer, passwordMark, events, now }));
  const mtls = config.mtls && createMtls(config.mtls);
  const silly = config.silly && createSilly(config.silly);
  const all = [token, issuer?.bearer, htpasswd, mtls, silly].filter(isThere);
  return {
    logins: [htpasswd, mtls].filter(isThere),
    all,
    // Given both challenges, Docker sends both credentials at once, and the password, or its absence, overrides the token.
    offered: issuer ? all.filter((method) => method !== htpasswd) : all,
    issuer,
    passwordMark,
  };
}

// Only the configured methods load bcrypt or the package for tokens.

async function openHtpasswd(config: HtpasswdConfig, { config: { maxFailures }, events, now }: AuthOptions) {
  const { Htpasswd } = await import('./htpasswd.ts');
  return Htpasswd.open({ config, failures: new FailureLimit({ max: maxFailures, events, now }), events, now });
}

async function openToken(config: TokenConfig, options: Pick<AuthOptions, 'events' | 'now'>) {
  return (await import('./token.ts')).openToken(config, options);
}

async function openIssuer(options: TokenIssuerOptions) {
  const { TokenIssuer } = await import('./token-issuer.ts');
  return TokenIssuer.open(options);
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function firstVerdict(methods: readonly Authenticator[], presented: Presented): Verdict | Promise<Verdict> {
  for (const [i, method] of methods.entries()) {
    const verdict = method.identify(presented);
    if (verdict instanceof Promise)
      return verdict.then((known) => known ?? firstVerdict(methods.slice(i + 1), presented));
    if (verdict) return verdict;
  }
  return undefined;
}

function join(identity: Identity, groups: readonly string[]): Identity {
  return groups.length === 0 ? identity : { ...identity, groups: [...identity.groups, ...groups] };
}

/** Podman and skopeo without a login respond to a `Basic` challenge with an empty user and password. */
function withoutEmptyLogin(presented: Presented): Presented {
  const { authorization } = presented;
  if (authorization === undefined) return presented;
  const { scheme, rest } = splitCredentials(authorization);
  const isEmpty = scheme === 'basic' && Buffer.from(rest, 'base64').toString() === ':';
  return isEmpty ? { ...presented, authorization: undefined } : presented;
}
