import express, { type Request, type Router } from 'express';

import { ControlError } from '../operations/control-error.ts';
import type { SignInLink } from '../operations/sign-in-links.ts';
import type { OneTimeLinks } from '../sign-in/one-time-links.ts';
import type { Rights } from '../sign-in/rights.ts';
import type { SignedIn, SignIn } from '../sign-in/sign-in.ts';
import { VERSION } from '../version.ts';
import { type GuardOptions, rightsOf } from './guard.ts';
import { optionalText } from './parameters.ts';
import { respond } from './respond.ts';

/** How the client of a request is known, and how it can sign in. */
export interface SessionView {
  /** Absent when it has no name, such as after a sign-in by token. */
  readonly user?: string | undefined;
  /** It may change everything. */
  readonly isAdmin: boolean;
  /** It may see what it may pull. */
  readonly mayRead: boolean;
  /** It may see everything. */
  readonly mayReadAll: boolean;
  readonly signIn: readonly ('password' | 'token' | 'oidc')[];
  /** It can sign out. */
  readonly canSignOut: boolean;
  /** It uses HTTPS: others on the network cannot read its cookie. */
  readonly secure: boolean;
  /** Absent without {@link mayRead}. */
  readonly version?: string | undefined;
}

export interface SessionRoutesOptions {
  readonly guard: GuardOptions;
  readonly links: OneTimeLinks;
  /** The URL at which a browser is signed in by the code; undefined when there is no dashboard that it can reach. */
  readonly linkOf: (code: string) => string | undefined;
}

/** From `/session/link` to the dashboard, below any prefix. */
const TO_DASHBOARD = '../../../../ui/';

/** `/session`: who is signed in. */
export function createSessionRoutes({ guard, links, linkOf }: SessionRoutesOptions): Router {
  const router = express.Router();
  const signIn = guard.kind === 'guarded' ? guard.signIn : undefined;
  router.get(
    '/',
    respond(async (request) => viewOf(rightsOf(request), request, signIn)),
  );
  router.post('/', async (request, response) => {
    const { rights, cookies } = await withCredentials(required(signIn), request);
    response.append('set-cookie', [...cookies]).json(viewOf(rights, request, signIn));
  });
  router.delete('/', (request, response) => {
    if (signIn) response.append('set-cookie', signIn.end(request));
    response.json({});
  });
  router.post(
    '/links',
    respond(async () => createLink(links, linkOf)),
  );
  router.get('/link', async (request, response) => {
    const { cookies } = await required(signIn).withLink(request, optionalText(request.query['code']) ?? '');
    response
      .append('set-cookie', [...cookies])
      .set('referrer-policy', 'no-referrer')
      .redirect(303, TO_DASHBOARD);
  });
  if (signIn) addProviderRoutes(router, signIn);
  return router;
}

function addProviderRoutes(router: Router, signIn: SignIn): void {
  router.get('/oidc', async (request, response) => {
    const { url, cookie } = await signIn.beginAtProvider(request);
    response.append('set-cookie', cookie).redirect(303, url);
  });
  router.get('/oidc/callback', async (request, response) => {
    const { cookies } = await signIn.withProvider(request);
    response
      .append('set-cookie', [...cookies])
      .set('referrer-policy', 'no-referrer')
      .redirect(303, `../${TO_DASHBOARD}`);
  });
}

function createLink(links: OneTimeLinks, linkOf: SessionRoutesOptions['linkOf']): SignInLink {
  const { code, until } = links.create();
  const url = linkOf(code);
  if (url === undefined) throw new ControlError('unavailable', 'the dashboard is off (set ui.enabled)');
  return { url, expiresAt: new Date(until).toISOString() };
}

function viewOf(rights: Rights, request: Request, signIn: SignIn | undefined): SessionView {
  const { level, user, by } = rights;
  return {
    user,
    isAdmin: level === 'admin',
    mayRead: level !== 'none',
    mayReadAll: level === 'reader' || level === 'admin',
    signIn: signIn?.methods ?? [],
    canSignOut: by === 'cookie',
    secure: signIn?.isSecure(request) ?? false,
    version: level === 'none' ? undefined : VERSION,
  };
}

/** @throws {ControlError} `denied` | `invalid` */
function withCredentials(signIn: SignIn, request: Request): Promise<SignedIn> {
  const { user, password, token } = (request.body ?? {}) as Record<string, unknown>;
  if (typeof token === 'string') return signIn.withToken(request, token);
  if (typeof user === 'string' && typeof password === 'string') return signIn.withPassword(request, user, password);
  throw new ControlError('invalid', 'user and password, or token, must be text');
}

function required(signIn: SignIn | undefined): SignIn {
  if (signIn) return signIn;
  throw new ControlError('invalid', 'no one signs in at this address: every client that reaches it may do everything');
}
