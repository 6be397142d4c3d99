import express, { type ErrorRequestHandler, type Request, type Response, type Router as Pages } from 'express';

import { formatScope } from '../../auth/access.ts';
import type { Auth, Caller } from '../../auth/auth.ts';
import { quoted } from '../../auth/authenticator.ts';
import { ANONYMOUS, type Identity } from '../../auth/identity.ts';
import type { TokenIssuer } from '../../auth/token-issuer.ts';
import { RegistryError, toRegistryError } from '../../oci/errors.ts';
import type { Router } from '../../pull-through/router.ts';
import { presentedBy } from './authenticate.ts';
import type { Clients } from '../client/client-address.ts';
import { isGone } from '../listen/http2.ts';
import { endEarly, hasLongRest } from '../listen/unread-body.ts';
import type { Exchange } from '../v2/exchange.ts';
import { readBody } from '../v2/read-body.ts';
import type { ErrorLog } from '../v2/request-events.ts';
import { grantedOf } from './grants.ts';

export interface TokenPageOptions {
  readonly auth: Auth;
  readonly issuer: TokenIssuer;
  readonly router: Router;
  readonly clients: Clients;
  /** Path prefix; starts and ends with `/`. */
  readonly prefix: string;
  readonly log: ErrorLog;
}

const MAX_FORM_BYTES = 64 * 1024;

function formTooLarge(maxBytes: number): RegistryError {
  return new RegistryError('UNSUPPORTED', `the form is larger than ${maxBytes} bytes`, { status: 400 });
}

interface Login {
  readonly caller: Caller;
  /** Kept by the client instead of the password. Absent unless requested. */
  readonly refreshToken: string | undefined;
}

/**
 * `GET` and `POST /token`: exchanges credentials for tokens.
 *
 * @see https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/token.md
 * @see https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/oauth.md
 */
export function createTokenPage(options: TokenPageOptions): Pages {
  const pages = express.Router();
  const path = `${options.prefix}token`;
  pages.get(path, async (req, res) => {
    const query = new URLSearchParams(req.url.split('?')[1]);
    await sendToken(res, query, { ...options, login: await logIn(req, query, options) });
  });
  pages.post(path, async (req, res) => {
    const form = new URLSearchParams((await readBody(req, MAX_FORM_BYTES, formTooLarge)).toString());
    await sendToken(res, form, { ...options, login: await logInByForm(req, form, options) });
  });
  pages.use(path, respondFailure(options));
  return pages;
}

async function logIn(req: Request, query: URLSearchParams, options: TokenPageOptions): Promise<Login> {
  const caller = await options.auth.logIn(presentedBy(req, options.clients.of(req)));
  const isRefreshable = query.get('offline_token') === 'true' && !caller.isRefused;
  return { caller, refreshToken: isRefreshable ? await options.issuer.issueRefresh(caller.identity) : undefined };
}

async function logInByForm(req: Request, form: URLSearchParams, options: TokenPageOptions): Promise<Login> {
  const type = form.get('grant_type');
  if (type === 'refresh_token') {
    const refreshToken = form.get('refresh_token') ?? '';
    const identity = await options.issuer.redeem(refreshToken);
    return { caller: { identity: identity ?? ANONYMOUS, isRefused: !identity }, refreshToken };
  }
  if (type !== 'password') throw new RegistryError('UNSUPPORTED', 'unsupported grant_type', { status: 400 });
  const credentials = Buffer.from(`${form.get('username') ?? ''}:${form.get('password') ?? ''}`).toString('base64');
  const presented = { ...presentedBy(req, options.clients.of(req)), authorization: `Basic ${credentials}` };
  const caller = await options.auth.logIn(presented);
  const isRefreshable = form.get('access_type') === 'offline' && !caller.isRefused;
  return { caller, refreshToken: isRefreshable ? await options.issuer.issueRefresh(caller.identity) : undefined };
}

async function sendToken(
  res: Response,
  parameters: URLSearchParams,
  { login, ...options }: TokenPageOptions & { readonly login: Login },
): Promise<void> {
  const { auth, issuer, router } = options;
  const { identity, isRefused } = login.caller;
  const known = await auth.withGroups(identity);
  if (isRefused || (identity.name === '' && !auth.policy.knows(ANONYMOUS))) {
    throw new RegistryError('UNAUTHORIZED', isRefused ? 'wrong user name or password' : 'authentication required');
  }
  recordUser(res, known);
  const access = grantedOf(parameters.getAll('scope'), known, { policy: auth.policy, router });
  const { token, lifetimeSeconds, issuedAt } = await issuer.issue(identity, access);
  res.set('cache-control', 'no-store').json({
    token,
    access_token: token,
    scope: formatScope(access),
    expires_in: lifetimeSeconds,
    issued_at: issuedAt.toISOString(),
    ...(login.refreshToken !== undefined && { refresh_token: login.refreshToken }),
  });
}

/** For the access log. */
function recordUser(res: Response, identity: Identity): void {
  const { exchange } = res.locals as { readonly exchange?: Exchange };
  if (exchange) exchange.identity = identity;
}

/** An error of the registry with the fields of OAuth: RFC 6749, section 5.2. */
function respondFailure({ issuer, log }: TokenPageOptions): ErrorRequestHandler {
  const challenge = `Basic realm=${quoted(issuer.service)}`;
  return (err: unknown, req, res, next) => {
    if (isGone(res)) return;
    if (res.headersSent) return next(err);
    const error = toRegistryError(err);
    if (error.code === 'UNKNOWN') log.error({ 'err.detail': String(err) }, 'token request failed');
    if (error.code === 'UNAUTHORIZED') res.set('www-authenticate', challenge);
    const { retryAfterMs } = error.options;
    if (retryAfterMs !== undefined) res.set('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    if (hasLongRest(req)) res.set('connection', 'close');
    const word = error.code === 'UNAUTHORIZED' ? 'invalid_grant' : 'invalid_request';
    const body = Buffer.from(JSON.stringify({ ...error.toJSON(), error: word, error_description: error.message }));
    res.status(error.status).type('json').set({ 'cache-control': 'no-store', 'content-length': String(body.length) });
    endEarly(req, res, body);
  };
}
