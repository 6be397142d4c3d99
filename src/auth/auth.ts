import type { AuthConfig } from '../config/config.ts';
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
import { Htpasswd } from './htpasswd.ts';
import { ANONYMOUS, type Identity } from './identity.ts';
import { createMtls } from './mtls.ts';
import { Policy } from './policy.ts';
import { createSilly } from './silly.ts';
import { openToken } from './token.ts';
import { TokenIssuer } from './token-issuer.ts';

/** Whoever sent a request, as far as it can be told. */
export interface Caller {
  readonly identity: Identity;
  /** It sent credentials, and they are not good. */
  readonly isRefused: boolean;
}

export interface AuthOptions {
  readonly config: AuthConfig;
  readonly events: AuthEvents;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

interface Methods {
  /** By password or certificate. */
  readonly logins: readonly Authenticator[];
  /** All there are. */
  readonly all: readonly Authenticator[];
  /** Those that clients are told of. */
  readonly offered: readonly Authenticator[];
  readonly issuer: TokenIssuer | undefined;
}

/** Who is calling, by any of the configured methods, and what they may do. */
export class Auth {
  readonly policy: Policy;
  /** `auth.policy` says who may do what: not everybody who is known may see everything. */
  readonly isRestricted: boolean;
  /** `/v2/` is answered for nobody in particular as well. */
  readonly openPing: boolean;
  /** Undefined: no tokens are given out here. */
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
   * By the first method that knows the credentials. Does not wait when the same were good a moment ago.
   *
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  identify(presented: Presented): Caller | Promise<Caller> {
    const verdict = firstVerdict(this.#methods.all, saidBy(presented));
    return verdict instanceof Promise
      ? verdict.then((known) => this.#toCaller(known, presented))
      : this.#toCaller(verdict, presented);
  }

  /** By password or certificate alone, and without the groups that {@link withGroups} adds. @throws as {@link identify} */
  async logIn(presented: Presented): Promise<Caller> {
    const said = saidBy(presented);
    const identity = await firstVerdict(this.#methods.logins, said);
    return { identity: identity ?? ANONYMOUS, isRefused: !identity && said.authorization !== undefined };
  }

  /** With those of the configuration. */
  withGroups(identity: Identity): Identity | Promise<Identity> {
    const groups = identity.name === '' ? [] : this.#groups.of(identity.name);
    return groups instanceof Promise ? groups.then((read) => join(identity, read)) : join(identity, groups);
  }

  /** One for each method that a client could use. */
  challenges(asked: ChallengeContext): string[] {
    const all = this.#methods.offered.map((method) => method.challenge(asked));
    return all.filter((challenge) => challenge !== undefined);
  }

  #toCaller(verdict: Verdict, presented: Presented): Caller | Promise<Caller> {
    if (!verdict) return { identity: ANONYMOUS, isRefused: saidBy(presented).authorization !== undefined };
    const identity = this.withGroups(verdict);
    if (identity instanceof Promise) return identity.then((joined) => ({ identity: joined, isRefused: false }));
    return { identity, isRefused: false };
  }
}

async function openMethods({ config, events, now }: AuthOptions): Promise<Methods> {
  const failures = new FailureLimit({ max: config.maxFailures, events, now });
  const htpasswd = config.htpasswd && (await Htpasswd.open({ config: config.htpasswd, failures, events, now }));
  const token = config.token && (await openToken(config.token, { events, now }));
  const passwordMark = async (user: string) => htpasswd?.passwordMark(user);
  const issuer = config.issuer && (await TokenIssuer.open({ config: config.issuer, passwordMark, events, now }));
  const mtls = config.mtls && createMtls(config.mtls);
  const silly = config.silly && createSilly(config.silly);
  const all = [token, issuer?.bearer, htpasswd, mtls, silly].filter(isThere);
  return {
    logins: [htpasswd, mtls].filter(isThere),
    all,
    // Docker that is told of both answers both at once, and the password, or the lack of one, wins over the token.
    offered: issuer ? all.filter((method) => method !== htpasswd) : all,
    issuer,
  };
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

/** Podman and skopeo without a login answer a `Basic` challenge with neither user nor password. */
function saidBy(presented: Presented): Presented {
  const { authorization } = presented;
  if (authorization === undefined) return presented;
  const { scheme, rest } = splitCredentials(authorization);
  const saysNobody = scheme === 'basic' && Buffer.from(rest, 'base64').toString() === ':';
  return saysNobody ? { ...presented, authorization: undefined } : presented;
}
