import type { HtpasswdConfig } from '../config/config.ts';
import type { AuthEvents } from './auth-events.ts';
import { type Authenticator, type Presented, quoted, splitCredentials, type Verdict } from './authenticator.ts';
import type { FailureLimit, LoginAttempt } from './failure-limit.ts';
import { parseHtpasswd, provideHtpasswd, type Users } from './htpasswd-file.ts';
import type { Identity } from './identity.ts';
import { Passwords } from './passwords.ts';
import { CredentialCache } from './credential-cache.ts';
import { AuthFile, UnusableFileError } from './auth-file.ts';

/** Enough for ten thousand users. */
const MAX_BYTES = 1024 * 1024;

export interface HtpasswdOptions {
  readonly config: HtpasswdConfig;
  readonly failures: FailureLimit;
  readonly events: AuthEvents;
  readonly now: () => number;
}

interface Login {
  readonly user: string;
  readonly password: string;
  readonly address: string;
}

/** `Basic` credentials (RFC 7617) of the users in a file. */
export class Htpasswd implements Authenticator {
  readonly #options: HtpasswdOptions;
  readonly #file: AuthFile<Users>;
  readonly #passwords = new Passwords();
  readonly #credentials: CredentialCache;
  /** Verifications in progress: a client requests many blobs at the same time. */
  readonly #verifying = new Map<string, Promise<Verdict>>();

  private constructor(options: HtpasswdOptions, file: AuthFile<Users>) {
    this.#options = options;
    this.#file = file;
    this.#credentials = new CredentialCache(options.now);
  }

  /** Creates the file when it is missing. @throws {Error} when it cannot be used */
  static async open(options: HtpasswdOptions): Promise<Htpasswd> {
    const { config, events, now } = options;
    const { path } = config;
    const key = 'htpasswd.path';
    await provideHtpasswd(path, events).catch((err: NodeJS.ErrnoException) => {
      throw new UnusableFileError(`auth.${key}: cannot create ${path}: ${err.code}`);
    });
    const parse = (bytes: Buffer) => {
      const { users, ignored } = parseHtpasswd(bytes.toString('utf8'));
      for (const { line, reason } of ignored) events.lineSkipped({ key, path, line, reason });
      return { value: users, entries: users.hashes.size };
    };
    return new Htpasswd(options, await AuthFile.open({ key, path, maxBytes: MAX_BYTES, parse, events, now }));
  }

  identify({ authorization, address }: Presented): Verdict | Promise<Verdict> {
    if (authorization === undefined) return undefined;
    const { scheme, rest } = splitCredentials(authorization);
    if (scheme !== 'basic') return undefined;
    const login = parseBasic(rest);
    return login ? this.logIn({ ...login, address }) : undefined;
  }

  /** @throws {RegistryError} `TOOMANYREQUESTS` */
  logIn(login: Login): Verdict | Promise<Verdict> {
    const users = this.#file.get();
    return users instanceof Promise ? users.then((read) => this.#find(login, read)) : this.#find(login, users);
  }

  challenge(): string {
    return `Basic realm=${quoted(this.#options.config.realm)}`;
  }

  /** A value that changes with the user's password. @returns undefined when there is no such user */
  async passwordMark(user: string): Promise<string | undefined> {
    return (await this.#file.get()).hashes.get(user);
  }

  #find(login: Login, users: Users): Verdict | Promise<Verdict> {
    const name = this.#credentials.nameOf(login.user, login.password);
    const known = this.#credentials.find(name, users);
    if (known) return known;
    const running = this.#verifying.get(name);
    if (running) return running;
    const attempt = this.#options.failures.begin(login.address, login.user);
    const verifying = this.#verify(login, users, { name, attempt }).finally(() => this.#verifying.delete(name));
    this.#verifying.set(name, verifying);
    return verifying;
  }

  async #verify(
    { user, password, address }: Login,
    users: Users,
    { name, attempt }: { readonly name: string; readonly attempt: LoginAttempt },
  ): Promise<Verdict> {
    const isRight = await this.#passwords
      .isRight(password, users.hashes.get(user), users.cost)
      .catch((err: unknown) => {
        attempt.release('unknown');
        throw err;
      });
    if (isRight) {
      attempt.release('right');
      const identity: Identity = { name: user, groups: [] };
      this.#credentials.keep(name, users, { identity });
      return identity;
    }
    this.#options.events.loginFailed({ method: 'htpasswd', address, reason: 'wrong user or password' });
    return undefined;
  }
}

/** RFC 7617, section 2: everything after the first colon is the password. */
function parseBasic(text: string): { readonly user: string; readonly password: string } | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 1 ? undefined : { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
