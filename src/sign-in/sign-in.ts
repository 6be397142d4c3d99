import type { IncomingMessage } from 'node:http';

import type { Auth } from '../auth/auth.ts';
import type { AuthEvents } from '../auth/auth-events.ts';
import type { FailureLimit } from '../auth/failure-limit.ts';
import { ANONYMOUS } from '../auth/identity.ts';
import { presentedBy } from '../http/auth/authenticate.ts';
import type { Clients } from '../http/client/client-address.ts';
import { ControlError } from '../operations/control-error.ts';
import type { AdminAccess } from './admin-access.ts';
import type { AdminToken } from './admin-token.ts';
import { formatCookie, formatNoCookie, readCookie } from './cookies.ts';
import type { OneTimeLinks } from './one-time-links.ts';
import type { Rights } from './rights.ts';
import { type Session, SESSION_SECONDS, type Sessions } from './sessions.ts';

export interface SignInOptions {
  readonly access: AdminAccess;
  readonly sessions: Sessions;
  readonly links: OneTimeLinks;
  /** Absent when every client may do everything with the registry. */
  readonly auth: () => Auth | undefined;
  /** Absent when none is configured. */
  readonly token: AdminToken | undefined;
  /** Of wrong tokens. */
  readonly failures: FailureLimit;
  readonly events: AuthEvents;
  readonly clients: Clients;
  readonly isSecure: (request: IncomingMessage) => boolean;
}

/** A client that has signed in. */
export interface SignedIn {
  readonly rights: Rights;
  /** Value of a `Set-Cookie` header. */
  readonly cookie: string;
}

/** Names its cookie, which browsers of all ports of a host share. */
const COOKIE = 'layover-session';

/** Signs clients in and out, and recognises those that have signed in. */
export class SignIn {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** @throws {ControlError} `denied` for wrong credentials, and {@link RegistryError} */
  async rightsOf(request: IncomingMessage): Promise<Rights> {
    const { access, sessions } = this.#options;
    const presented = await access.ofCredentials(request);
    if (presented) return presented;
    const cookie = readCookie(request, COOKIE, this.isSecure(request));
    const session = cookie === undefined ? undefined : await sessions.find(cookie);
    return session ? this.#rightsOf(session) : access.ofConnection(request);
  }

  /** The form of the sign-in page needs to know. */
  get methods(): readonly ('password' | 'token')[] {
    const { auth, token } = this.#options;
    return [...(auth()?.hasPasswords ? (['password'] as const) : []), ...(token ? (['token'] as const) : [])];
  }

  isSecure(request: IncomingMessage): boolean {
    return this.#options.isSecure(request);
  }

  /** @throws {ControlError} `denied` */
  async withPassword(request: IncomingMessage, user: string, password: string): Promise<SignedIn> {
    const { auth, clients } = this.#options;
    if (user === '' || user.includes(':')) throw wrong('user name or password');
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const caller = await auth()?.logIn({ ...presentedBy(request, clients.of(request)), authorization });
    if (!caller || caller.isRefused) throw wrong('user name or password');
    return this.start(request, { method: 'password', identity: caller.identity });
  }

  /** @throws {ControlError} `denied` */
  async withToken(request: IncomingMessage, given: string): Promise<SignedIn> {
    const { token, failures, events, clients } = this.#options;
    const { address = '' } = clients.of(request);
    const attempt = failures.begin(address, 'token');
    if (await token?.matches(given)) {
      attempt.release('right');
      return this.start(request, { method: 'token', identity: ANONYMOUS });
    }
    events.loginFailed({ method: 'admin', address, reason: 'wrong token' });
    throw wrong('token');
  }

  /** @throws {ControlError} `denied` */
  async withLink(request: IncomingMessage, code: string): Promise<SignedIn> {
    if (this.#options.links.redeem(code)) return this.start(request, { method: 'link', identity: ANONYMOUS });
    throw new ControlError('denied', 'the link has expired or was used (run layover open again)');
  }

  async start(request: IncomingMessage, session: Session): Promise<SignedIn> {
    const value = await this.#options.sessions.start(session);
    const cookie = formatCookie(COOKIE, value, { isSecure: this.isSecure(request), maxAge: SESSION_SECONDS });
    return { rights: await this.#rightsOf(session), cookie };
  }

  /** @returns value of a `Set-Cookie` header */
  end(request: IncomingMessage): string {
    return formatNoCookie(COOKIE, { isSecure: this.isSecure(request) });
  }

  async #rightsOf({ method, identity }: Session): Promise<Rights> {
    if (method === 'token' || method === 'link') return { level: 'admin', by: 'cookie', mayNameFiles: true };
    return this.#options.access.ofIdentity(identity, 'cookie');
  }
}

function wrong(what: string): ControlError {
  return new ControlError('denied', `wrong ${what}`);
}
