import type { Auth } from '../auth/auth.ts';
import type { Identity } from '../auth/identity.ts';
import { ControlError } from '../operations/control-error.ts';
import type { AdminToken } from './admin-token.ts';
import { Seal, type SealSecrets } from './seal.ts';

/** `link`: by a one-time link, which someone with all rights has made. */
export type SignInMethod = 'password' | 'token' | 'oidc' | 'link';

export interface Session {
  readonly method: SignInMethod;
  /** Without a name for methods of no user. */
  readonly identity: Identity;
}

export interface SessionsOptions {
  readonly secrets: SealSecrets;
  /** Absent when every client may do everything. */
  readonly auth: () => Auth | undefined;
  /** Absent when none is configured. */
  readonly token: AdminToken | undefined;
  /** The provider of {@link SignInMethod} `oidc`. Absent when none is configured. */
  readonly provider: string | undefined;
  readonly now: () => number;
}

/** Seconds. */
export const SESSION_SECONDS = 12 * 3600;

/** Browsers store no longer ones. */
const MAX_LENGTH = 3800;

/**
 * Sessions that are in cookies alone, so that every replica knows them. One ends after twelve hours, and when what the client signed in with
 * changes: its password, the admin token, the provider.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #seal: Seal;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#seal = new Seal(options.secrets, 'session');
  }

  /** @returns the value of the cookie. @throws {ControlError} `denied` when what the client signed in with has changed meanwhile */
  async start(session: Session): Promise<string> {
    const proof = await this.#proofOf(session);
    if (proof === undefined) throw new ControlError('denied', 'sign in again');
    const until = this.#options.now() + SESSION_SECONDS * 1000;
    const sealed = await this.#seal.seal(session, { proof, until });
    if (sealed.length <= MAX_LENGTH) return sealed;
    throw new ControlError('invalid', 'the user has too many groups for a cookie (limit them at the provider)');
  }

  /** @param value of the cookie */
  async find(value: string): Promise<Session | undefined> {
    const opened = await this.#seal.open(value, this.#options.now());
    if (!opened) return undefined;
    const session = opened.content as Session;
    const proof = await this.#proofOf(session);
    return proof !== undefined && opened.isFor(proof) ? session : undefined;
  }

  /** @returns undefined when the client could not sign in any more */
  async #proofOf({ method, identity }: Session): Promise<string | undefined> {
    const { auth, token, provider } = this.#options;
    if (method === 'password') return auth()?.passwordMark(identity.name);
    if (method === 'oidc') return provider;
    const current = await token?.current();
    // A new token takes the rights of everyone who got them without a name.
    return method === 'link' ? (current ?? '') : current;
  }
}
