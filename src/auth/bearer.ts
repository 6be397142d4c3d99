import type { AuthEvents } from './auth-events.ts';
import { formatScope } from './access.ts';
import {
  type ChallengeContext,
  type Authenticator,
  type Presented,
  quoted,
  splitCredentials,
  type Verdict,
} from './authenticator.ts';
import { BadTokenError, type TokenVerifier } from './token-verifier.ts';

export interface BearerOptions {
  /** Its name in the log. */
  readonly method: 'token' | 'issuer';
  readonly service: string;
  /** URL of the token server. */
  readonly realmOf: (context: ChallengeContext) => string;
  readonly verifier: TokenVerifier;
  readonly events: AuthEvents;
}

/** Bearer tokens (RFC 6750) of a token server or of this service. */
export class Bearer implements Authenticator {
  readonly #options: BearerOptions;

  constructor(options: BearerOptions) {
    this.#options = options;
  }

  identify({ authorization, address }: Presented): Verdict | Promise<Verdict> {
    if (authorization === undefined) return undefined;
    const { scheme, rest } = splitCredentials(authorization);
    if (scheme !== 'bearer' || rest === '') return undefined;
    const verdict = this.#options.verifier.identify(rest);
    return verdict instanceof Promise ? verdict.catch((err: unknown) => this.#failed(err, address)) : verdict;
  }

  /** Byte for byte like distribution's. */
  challenge(context: ChallengeContext): string {
    const { service, realmOf } = this.#options;
    const scope = context.accesses.length === 0 ? '' : `,scope=${quoted(formatScope(context.accesses))}`;
    const error = context.error === undefined ? '' : `,error=${quoted(context.error)}`;
    return `Bearer realm=${quoted(realmOf(context))},service=${quoted(service)}${scope}${error}`;
  }

  #failed(err: unknown, address: string): undefined {
    if (!(err instanceof BadTokenError)) throw err;
    this.#options.events.loginFailed({ method: this.#options.method, address, reason: err.message });
    return undefined;
  }
}
