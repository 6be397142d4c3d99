import { randomUUID } from 'node:crypto';

/** Docker Hub locks logins for about this long. */
const LOCK_OUT_MS = 600_000;

interface IssuedToken {
  readonly expiresAt: number;
  /** Undefined: anonymous. */
  readonly user: string | undefined;
  /** `repository:<name>:pull` */
  readonly scopes: readonly string[];
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: object;
}

/**
 * Issues and checks bearer tokens as auth.docker.io does.
 *
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export class TokenIssuer {
  /** Password by user name. Anonymous callers get tokens too, but not for {@link privateRepositories}. */
  readonly users = new Map<string, string>();
  readonly privateRepositories = new Set<string>();
  /** Users that may pull from a private repository; all of them when it has no entry. */
  readonly readers = new Map<string, ReadonlySet<string>>();
  /** How long a token is really good for. */
  lifetimeMs = 300_000;
  /** `expires_in` of the answer, in seconds; undefined: the answer has none. */
  announcedSeconds: number | undefined = 300;
  /** Registries name the token in one way, the other, or both. */
  fields: readonly ('token' | 'access_token')[] = ['token', 'access_token'];
  /** What the token says about pulls, as `pull_limit` and `pull_limit_interval`; undefined: tokens are opaque. */
  limitOf: ((user: string | undefined) => { limit: number; windowSeconds: number } | undefined) | undefined;
  /** Wrong passwords after which a user is locked out for ten minutes, also with the right one. */
  failuresUntilLockOut = Infinity;
  /** Users that are locked out; `anonymous` for the address. */
  readonly lockedOut = new Set<string>();
  now: () => number = Date.now;
  readonly #failures = new Map<string, number[]>();
  readonly #issued = new Map<string, IssuedToken>();

  /** Every token issued so far is refused from now on. */
  revokeAll(): void {
    this.#issued.clear();
  }

  issue(scopes: readonly string[], authorization: string | undefined): TokenAnswer {
    const name = userIn(authorization) ?? 'anonymous';
    if (this.#isLockedOut(name)) return { status: 429, body: LOCKED_OUT };
    const user = this.authenticate(authorization);
    if (user === false) {
      this.#failures.set(name, [...(this.#failures.get(name) ?? []), this.now()]);
      return { status: 401, body: { details: 'incorrect username or password' } };
    }
    const granted = scopes.filter((scope) => this.#mayPull(user, repositoryOf(scope)));
    const token = this.#tokenOf(user);
    this.#issued.set(token, { expiresAt: Date.now() + this.lifetimeMs, scopes: granted, user });
    const named = Object.fromEntries(this.fields.map((field) => [field, token]));
    const expiry = this.announcedSeconds === undefined ? {} : { expires_in: this.announcedSeconds };
    return { status: 200, body: { ...named, ...expiry, issued_at: new Date().toISOString() } };
  }

  /** The user of a Basic header; undefined without one; false when the password is wrong. */
  authenticate(authorization: string | undefined): string | undefined | false {
    const [, encoded] = /^basic (.+)$/i.exec(authorization ?? '') ?? [];
    if (encoded === undefined) return undefined;
    const [user = '', ...password] = Buffer.from(encoded, 'base64').toString().split(':');
    return this.users.has(user) && this.users.get(user) === password.join(':') ? user : false;
  }

  /** The user of a token that was issued; undefined for an anonymous one, and for any other header. */
  userOf(authorization: string | undefined): string | undefined {
    const [, token = ''] = /^bearer (.+)$/i.exec(authorization ?? '') ?? [];
    return this.#issued.get(token)?.user;
  }

  #mayPull(user: string | undefined, repository: string): boolean {
    if (!this.privateRepositories.has(repository)) return true;
    return user !== undefined && (this.readers.get(repository)?.has(user) ?? true);
  }

  #tokenOf(user: string | undefined): string {
    const claim = this.limitOf?.(user);
    if (this.limitOf === undefined) return randomUUID();
    const parameters = claim && { pull_limit: `${claim.limit}`, pull_limit_interval: `${claim.windowSeconds}` };
    const exp = Math.floor((Date.now() + this.lifetimeMs) / 1_000);
    const payload = { exp, access: [{ type: 'repository', actions: ['pull'], ...(parameters && { parameters }) }] };
    return `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.${randomUUID()}`;
  }

  #isLockedOut(name: string): boolean {
    const since = this.now() - LOCK_OUT_MS;
    const recent = (this.#failures.get(name) ?? []).filter((at) => at > since);
    return this.lockedOut.has(name) || recent.length >= this.failuresUntilLockOut;
  }

  /** Whether the header carries a live token; with a `repository`, one that may pull from it. */
  accepts(authorization: string | undefined, repository: string | undefined): boolean {
    const [, token = ''] = /^bearer (.+)$/i.exec(authorization ?? '') ?? [];
    const issued = this.#issued.get(token);
    if (issued === undefined || issued.expiresAt <= Date.now()) return false;
    return repository === undefined || issued.scopes.some((scope) => repositoryOf(scope) === repository);
  }
}

function repositoryOf(scope: string): string {
  const [, name = ''] = /^repository:(.+):[^:]*\bpull\b/.exec(scope) ?? [];
  return name;
}

/** As Docker Hub's token server answers. */
const LOCKED_OUT = {
  errors: [{ code: 'TOOMANYREQUESTS', message: 'too many failed login attempts for username or IP address' }],
};

function userIn(authorization: string | undefined): string | undefined {
  const [, encoded] = /^basic (.+)$/i.exec(authorization ?? '') ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':')[0];
}
