import type { Request, RequestHandler } from 'express';

import type { Listen } from '../config/config.ts';
import {
  refuseCrossOrigin,
  refuseForeign,
  refuseUnknownHost,
  requireOwnPage,
} from '../http/client/foreign-requests.ts';
import { hostOf } from '../http/client/host-of.ts';
import { createHostCheck, type HostCheck } from '../http/client/known-hosts.ts';
import { ControlError } from '../operations/control-error.ts';
import { includes, type Rights } from '../sign-in/rights.ts';
import type { SignIn } from '../sign-in/sign-in.ts';
import { requiredLevel } from './required-level.ts';

/** Access to the address is enough: a socket, or an address of this machine. */
export interface OpenAddress {
  readonly kind: 'open';
  readonly listen: Listen;
  /** Additional names and addresses of the server. */
  readonly hosts: readonly string[];
}

/** Clients are known by what they send. */
export interface GuardedAddress {
  readonly kind: 'guarded';
  readonly signIn: SignIn;
  /** Names under which it is served to clients without credentials in a header. */
  readonly isServed: HostCheck;
  /** Configuration key for more of them. */
  readonly hostsKey: 'ui.hosts' | 'admin.hosts';
  /** Values of `Host` that stand for this server, in addition to that of the request. */
  readonly ownHosts: (request: Request) => readonly (string | undefined)[];
}

export type GuardOptions = OpenAddress | GuardedAddress;

const known = new WeakMap<object, Rights>();

/** What the client of a request may do, once it has passed the guard. */
export function rightsOf(request: object): Rights {
  const rights = known.get(request);
  if (!rights) throw new Error('the request has not passed the guard');
  return rights;
}

/** Refuses what a web page of others may have sent, and what the client may not do. */
export function createGuard(options: GuardOptions): RequestHandler {
  return options.kind === 'open' ? createOpenGuard(options) : createSignInGuard(options);
}

/** Refuses names of others. For pages without data, which links of other sites may lead to. */
export function createHostGuard(options: GuardOptions): RequestHandler {
  const isServed = options.kind === 'open' ? knownHostsOf(options) : options.isServed;
  const key = options.kind === 'open' ? 'admin.hosts' : options.hostsKey;
  return (request, _response, next) => {
    refuseUnknownHost(request, { isServed: isServed(hostOf(request)), key });
    next();
  };
}

function knownHostsOf({ listen, hosts }: OpenAddress): HostCheck {
  return listen.net === 'unix' ? () => true : createHostCheck({ listen, hosts });
}

function createOpenGuard(options: OpenAddress): RequestHandler {
  const isKnownHost = knownHostsOf(options);
  const rights: Rights = { level: 'admin', by: 'address', mayNameFiles: options.listen.net === 'unix' };
  return (request, _response, next) => {
    refuseForeign(request, { isServed: isKnownHost(request.headers.host), key: 'admin.hosts' });
    known.set(request, rights);
    next();
  };
}

function createSignInGuard({ signIn, isServed, hostsKey, ownHosts }: GuardedAddress): RequestHandler {
  return async (request, _response, next) => {
    const isChange = request.method !== 'GET' && request.method !== 'HEAD';
    const host = hostOf(request);
    if (isChange || !LED_HERE.test(request.path)) refuseCrossOrigin(request, [host, ...ownHosts(request)]);
    const rights = await signIn.rightsOf(request);
    // With credentials in a header the name does not matter, because no page has them.
    if (rights.by !== 'authorization') refuseUnknownHost(request, { isServed: isServed(host), key: hostsKey });
    if (isChange && (rights.by === 'cookie' || rights.by === 'header')) requireOwnPage(request);
    requireLevel(request, rights);
    known.set(request, rights);
    next();
  };
}

/** Pages that browsers reach from elsewhere: from a terminal, and from the provider of sign-ins. */
const LED_HERE = /^\/session\/(?:link|oidc|oidc\/callback)$/;

/** @throws {ControlError} `denied` | `forbidden` */
function requireLevel({ method, path }: Request, { level, by }: Rights): void {
  const needed = requiredLevel(method, path);
  if (includes(level, needed)) return;
  if (by === 'address') throw new ControlError('denied', DENIED);
  throw new ControlError('forbidden', 'not allowed (an administrator can: auth.policy, action admin)');
}

const DENIED =
  'the admin API requires the token of admin.token or admin.tokenfile, or a user with the action admin in auth.policy';
