import { type Access, CATALOG, covers } from '../../auth/access.ts';
import type { Auth, Caller } from '../../auth/auth.ts';
import { type ChallengeContext, splitCredentials } from '../../auth/authenticator.ts';
import { isKnown } from '../../auth/identity.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { OciRequest } from '../../oci/request.ts';
import type { Router } from '../../pull-through/router.ts';
import { accessesOf, type Needed, neededBy } from './access-of.ts';
import { allows } from './allows.ts';
import { presentedBy } from './authenticate.ts';
import type { AccessGate, Permissions } from '../v2/access-gate.ts';
import type { Exchange } from '../v2/exchange.ts';
import { hostOf } from '../client/host-of.ts';
import type { BaseUrl } from '../client/locate.ts';
import { findTarget } from '../v2/mount-source.ts';
import type { FindTarget } from '../v2/route-table.ts';
import { StoredGrants, storedNameOf } from './stored-grants.ts';

export interface GateOptions {
  readonly auth: Auth;
  readonly router: Router;
  readonly baseUrl: BaseUrl;
}

const PULL = ['pull'];

/** Admits requests or refuses them: 401 for callers that can send (other) credentials, 403 for known ones without permission. */
export class Gate implements AccessGate {
  readonly #options: GateOptions;
  readonly #grants: StoredGrants;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#grants = new StoredGrants(options.router);
  }

  identify({ req, client }: Exchange): Caller | Promise<Caller> {
    return this.#options.auth.identify(presentedBy(req, client));
  }

  admit(
    exchange: Exchange,
    caller: Caller,
    { request, target }: { request: OciRequest; target: FindTarget },
  ): Permissions {
    const needed = neededBy(request);
    const accesses = () => accessesOf(needed, (repository) => this.#scopeName(repository, target));
    if (caller.isRefused && !isForUpstream(exchange, needed, target))
      throw this.#unauthorized(exchange, accesses(), 'invalid_token');
    this.#check(exchange, caller, { needed, accesses, target });
    return this.#permissionsOf(caller);
  }

  challenge(exchange: Exchange, { request, target }: { request: OciRequest; target: FindTarget }): RegistryError {
    const accesses = accessesOf(neededBy(request), (repository) => this.#scopeName(repository, target));
    return this.#unauthorized(exchange, accesses, 'insufficient_scope');
  }

  admitUnread(exchange: Exchange, { identity, isRefused }: Caller): void {
    const { policy } = this.#options.auth;
    if (isRefused || !policy.knows(identity)) throw this.#unauthorized(exchange, [], undefined);
  }

  #check(
    exchange: Exchange,
    { identity }: Caller,
    { needed, accesses, target }: { needed: Needed; accesses: () => Access[]; target: FindTarget },
  ): void {
    const { policy, openPing } = this.#options.auth;
    if (needed.kind === 'known') {
      if (!isKnown(identity) && !openPing) throw this.#unauthorized(exchange, [], undefined);
      return;
    }
    if (!policy.knows(identity)) throw this.#refusal(exchange, identity.name, accesses());
    if (needed.kind === 'repository') {
      const found = target(needed.repository);
      const { storedAs } = found;
      const isAllowed = needed.actions.every((action) => allows(policy, identity, found, action));
      if (!isAllowed) throw this.#refusal(exchange, identity.name, accesses());
      if (this.#grants.allow(identity.grants, storedAs, needed.actions)) return;
    } else if (identity.grants === undefined || covers(identity.grants, CATALOG)) return;
    throw this.#unauthorized(exchange, accesses(), 'insufficient_scope');
  }

  #permissionsOf({ identity }: Caller): Permissions {
    const { policy, isRestricted } = this.#options.auth;
    const { grants } = identity;
    const sees = (repository: string) => policy.allows(identity, repository, 'pull');
    return {
      mayPull: (repository) => sees(repository) && this.#grants.allow(grants, repository, PULL),
      maySee: isRestricted || !isKnown(identity) ? sees : undefined,
    };
  }

  /**
   * The name in the request when it is unambiguous, otherwise with the upstream's name before it: a token for `team/app` must not be
   * valid for `team/app` of the registry in `ns` or `Host`.
   */
  #scopeName(repository: string, target: FindTarget): string {
    const found = findTarget(() => target(repository));
    if (found?.sourceHost === undefined) return repository;
    return storedNameOf(repository, this.#options.router) === found.storedAs
      ? repository
      : `${found.sourceHost}/${found.repository}`;
  }

  /** A caller known by name gains nothing from other credentials of the same name. */
  #refusal(exchange: Exchange, name: string, accesses: readonly Access[]): RegistryError {
    if (name !== '') return denied(accesses);
    return this.#unauthorized(exchange, accesses, 'insufficient_scope');
  }

  /** RFC 9110, section 15.5.2. Without a challenge to send it is 403. */
  #unauthorized({ req }: Exchange, accesses: readonly Access[], error: ChallengeContext['error']): RegistryError {
    const { scheme } = splitCredentials(req.headers.authorization ?? '');
    const challenges = this.#options.auth.challenges({
      accesses,
      error: scheme === 'bearer' ? error : undefined,
      host: hostOf(req) ?? '',
      forwardedProto: req.headers['x-forwarded-proto']?.toString(),
      baseUrl: this.#options.baseUrl(req),
    });
    if (challenges.length === 0) return denied(accesses);
    return new RegistryError('UNAUTHORIZED', 'authentication required', {
      detail: accesses.length === 0 ? null : recordsOf(accesses),
      headers: { 'www-authenticate': challenges },
    });
  }
}

/** A token that this registry does not know may be one of the upstream, which decides about it. */
function isForUpstream({ req }: Exchange, needed: Needed, target: FindTarget): boolean {
  if (needed.kind !== 'repository' || needed.actions.some((action) => action !== 'pull')) return false;
  const { scheme } = splitCredentials(req.headers.authorization ?? '');
  return scheme === 'bearer' && (target(needed.repository).access?.takesTokens ?? false);
}

function denied(accesses: readonly Access[]): RegistryError {
  return new RegistryError('DENIED', 'requested access to the resource is denied', { detail: recordsOf(accesses) });
}

/** Like distribution: one for each action. */
function recordsOf(accesses: readonly Access[]) {
  return accesses.flatMap(({ type, class: kind = '', name, actions }) =>
    actions.map((action) => ({ Type: type, Class: kind, Name: name, Action: action })),
  );
}
