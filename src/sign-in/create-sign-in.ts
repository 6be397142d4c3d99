import type { Auth } from '../auth/auth.ts';
import type { AuthEvents } from '../auth/auth-events.ts';
import { FailureLimit } from '../auth/failure-limit.ts';
import type { Config } from '../config/config.ts';
import type { Clients } from '../http/client/client-address.ts';
import type { Router } from '../pull-through/router.ts';
import { AdminAccess } from './admin-access.ts';
import type { AdminToken } from './admin-token.ts';
import type { OneTimeLinks } from './one-time-links.ts';
import type { SealSecrets } from './seal.ts';
import { createSecureCheck } from './secure-requests.ts';
import { Sessions } from './sessions.ts';
import { SignIn } from './sign-in.ts';

export interface CreateSignInOptions {
  readonly config: Pick<Config, 'http' | 'ui' | 'auth'>;
  readonly auth: () => Auth | undefined;
  readonly token: AdminToken | undefined;
  readonly links: OneTimeLinks;
  readonly secrets: SealSecrets;
  readonly router: Router;
  readonly clients: Clients;
  /** Without authentication, reading is open. */
  readonly isOpen: boolean;
  readonly events: AuthEvents;
  readonly now: () => number;
}

/** Wrong tokens of one address in a minute, when `auth.maxfailures` is not set. */
const MAX_FAILURES = 30;

export function createSignIn({ config, secrets, router, isOpen, now, ...parts }: CreateSignInOptions): SignIn {
  const { http, ui, auth } = config;
  const { events, clients } = parts;
  const provider = ui.signIn.oidc?.issuer;
  return new SignIn({
    ...parts,
    access: new AdminAccess({ ...parts, signIn: ui.signIn, router, isOpen }),
    sessions: new Sessions({ ...parts, secrets, provider, now }),
    failures: new FailureLimit({ max: auth?.maxFailures ?? MAX_FAILURES, events, now }),
    isSecure: createSecureCheck(http.host, clients),
  });
}
