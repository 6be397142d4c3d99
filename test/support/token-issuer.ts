import { randomUUID } from 'node:crypto';

interface IssuedToken {
  readonly expiresAt: number;
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
  /** How long a token is really good for. */
  lifetimeMs = 300_000;
  /** `expires_in` of the answer, in seconds; undefined: the answer has none. */
  announcedSeconds: number | undefined = 300;
  /** Registries name the token in one way, the other, or both. */
  fields: readonly ('token' | 'access_token')[] = ['token', 'access_token'];
  readonly #issued = new Map<string, IssuedToken>();

  /** Every token issued so far is refused from now on. */
  revokeAll(): void {
    this.#issued.clear();
  }

  issue(scopes: readonly string[], authorization: string | undefined): TokenAnswer {
    const user = this.authenticate(authorization);
    if (user === false) return { status: 401, body: { details: 'incorrect username or password' } };
    const granted = scopes.filter((scope) => user !== undefined || !this.privateRepositories.has(repositoryOf(scope)));
    const token = randomUUID();
    this.#issued.set(token, { expiresAt: Date.now() + this.lifetimeMs, scopes: granted });
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
