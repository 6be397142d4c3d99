import type { AuthConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import { type Asked, type Authenticator, type Presented, splitCredentials, type Verdict } from './authenticator.ts';
import { FailureLimit } from './failure-limit.ts';
import { Groups } from './groups.ts';
import { Htpasswd } from './htpasswd.ts';
import { ANONYMOUS, type Identity } from './identity.ts';
import { Policy } from './policy.ts';
import { createSilly } from './silly.ts';

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

/** Who is calling, by any of the configured methods, and what they may do. */
export class Auth {
  readonly policy: Policy;
  /** `auth.policy` says who may do what: not everybody who is known may see everything. */
  readonly isRestricted: boolean;
  /** `/v2/` is answered for nobody in particular as well. */
  readonly openPing: boolean;
  readonly #methods: readonly Authenticator[];
  readonly #groups: Groups;

  private constructor(config: AuthConfig, methods: readonly Authenticator[], groups: Groups) {
    this.policy = new Policy(config.policy);
    this.isRestricted = config.isRestricted;
    this.openPing = config.openPing;
    this.#methods = methods;
    this.#groups = groups;
  }

  /** @throws {Error} when a file cannot be used */
  static async open({ config, events, now }: AuthOptions): Promise<Auth> {
    const failures = new FailureLimit({ max: config.maxFailures, events, now });
    const htpasswd = config.htpasswd && (await Htpasswd.open({ config: config.htpasswd, failures, events, now }));
    const silly = config.silly && createSilly(config.silly);
    const methods = [htpasswd, silly].filter((method) => method !== undefined);
    return new Auth(config, methods, await Groups.open(config, { events, now }));
  }

  /**
   * By the first method that knows the credentials. Does not wait when the same were good a moment ago.
   *
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  identify(presented: Presented): Caller | Promise<Caller> {
    const { authorization } = presented;
    if (authorization === undefined || !saysNobody(authorization)) return this.#try(presented, 0);
    return this.#try({ ...presented, authorization: undefined }, 0);
  }

  /** One for each method that a client could use. */
  challenges(asked: Asked): string[] {
    return this.#methods.map((method) => method.challenge(asked)).filter((challenge) => challenge !== undefined);
  }

  #try(presented: Presented, from: number): Caller | Promise<Caller> {
    for (const [i, method] of this.#methods.entries()) {
      if (i < from) continue;
      const verdict = method.identify(presented);
      if (verdict instanceof Promise)
        return verdict.then((known) => this.#settle(known) ?? this.#try(presented, i + 1));
      const caller = this.#settle(verdict);
      if (caller) return caller;
    }
    return { identity: ANONYMOUS, isRefused: presented.authorization !== undefined };
  }

  #settle(verdict: Verdict): Caller | Promise<Caller> | undefined {
    if (verdict === undefined || verdict === 'refused') return undefined;
    if (verdict.name === '') return { identity: verdict, isRefused: false };
    const groups = this.#groups.of(verdict.name);
    return groups instanceof Promise ? groups.then((known) => toCaller(verdict, known)) : toCaller(verdict, groups);
  }
}

function toCaller(identity: Identity, groups: readonly string[]): Caller {
  if (groups.length === 0) return { identity, isRefused: false };
  return { identity: { ...identity, groups: [...identity.groups, ...groups] }, isRefused: false };
}

/** Podman and skopeo without a login answer a `Basic` challenge with neither user nor password. */
function saysNobody(authorization: string): boolean {
  const { scheme, rest } = splitCredentials(authorization);
  return scheme === 'basic' && Buffer.from(rest, 'base64').toString() === ':';
}
