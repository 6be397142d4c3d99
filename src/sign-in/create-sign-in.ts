import type { IncomingMessage } from 'node:http';

import type { Auth } from '../auth/auth.ts';
import { FailureLimit } from '../auth/failure-limit.ts';
import type { Config } from '../config/config.ts';
import type { Clients } from '../http/client/client-address.ts';
import type { Router } from '../pull-through/router.ts';
import { AdminAccess } from './admin-access.ts';
import type { AdminToken } from './admin-token.ts';
import type { OneTimeLinks } from './one-time-links.ts';
import type { OidcOptions } from './oidc.ts';
import { Seal, type SealSecrets } from './seal.ts';
import { createSecureCheck } from './secure-requests.ts';
import { Sessions } from './sessions.ts';
import { SignIn, type SignInEvents } from './sign-in.ts';

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
  readonly events: SignInEvents;
  /** URL to which a provider sends browsers back, without a query. */
  readonly callbackUrl: (request: IncomingMessage) => string;
  readonly now: () => number;
}

/** Wrong tokens of one address in a minute, when `auth.maxfailures` is not set. */
const MAX_FAILURES = 30;

export function createSignIn({
  config,
  secrets,
  router,
  isOpen,
  callbackUrl,
  now,
  ...parts
}: CreateSignInOptions): SignIn {
  const { http, ui, auth } = config;
  const { events, clients } = parts;
  const isSecure = createSecureCheck(http.host, clients);
  const { oidc } = ui.signIn;
  const onFailed = (request: IncomingMessage, reason: string) =>
    events.auth.loginFailed({ method: 'oidc', address: clients.of(request).address ?? '', reason });
  return new SignIn({
    ...parts,
    access: new AdminAccess({ ...parts, signIn: ui.signIn, router, isOpen }),
    sessions: new Sessions({ ...parts, secrets, provider: oidc?.issuer, now }),
    failures: new FailureLimit({ max: auth?.maxFailures ?? MAX_FAILURES, events: events.auth, now }),
    isSecure,
    loadOidc:
      oidc &&
      lazily(() => loadOidc({ config: oidc, seal: new Seal(secrets, 'oidc'), callbackUrl, isSecure, onFailed, now })),
  });
}

async function loadOidc(options: OidcOptions) {
  const { OidcSignIn } = await import('./oidc.ts');
  return new OidcSignIn(options);
}

/** Calls it once, and again after a failure. */
function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}
