import type { IncomingMessage } from 'node:http';

import { ADMIN, covers } from '../auth/access.ts';
import type { Auth } from '../auth/auth.ts';
import type { Identity } from '../auth/identity.ts';
import type { UiConfig } from '../config/config.ts';
import { presentedBy } from '../http/auth/authenticate.ts';
import { StoredGrants } from '../http/auth/stored-grants.ts';
import type { Clients } from '../http/client/client-address.ts';
import { isLoopback } from '../http/client/known-hosts.ts';
import { ControlError } from '../operations/control-error.ts';
import type { Router } from '../pull-through/router.ts';
import type { AdminToken } from './admin-token.ts';
import { proxiedIdentity } from './proxied-identity.ts';
import type { KnownBy, Level, Rights } from './rights.ts';

export interface AdminAccessOptions {
  /** Absent when every client may do everything with the registry. */
  readonly auth: () => Auth | undefined;
  /** Absent when none is configured. */
  readonly token: AdminToken | undefined;
  readonly signIn: UiConfig['signIn'];
  readonly router: Router;
  readonly clients: Clients;
  /** Without authentication, reading is open. */
  readonly isOpen: boolean;
}

const PULL = ['pull'];

/** Headers of proxies: a request with one may come from another machine, whatever the address of its connection. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

const REJECTED =
  'wrong or expired credentials (send the token of admin.token or admin.tokenfile, or those of a user with the action admin)';

/** Decides what a client may do with the admin API, by what it sends with each request. */
export class AdminAccess {
  readonly #options: AdminAccessOptions;
  readonly #grants: StoredGrants;

  constructor(options: AdminAccessOptions) {
    this.#options = options;
    this.#grants = new StoredGrants(options.router);
  }

  /**
   * @returns undefined when the request has neither a header of a trusted proxy nor credentials
   * @throws {ControlError} `denied` for wrong credentials
   * @throws {RegistryError} `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  async ofCredentials(request: IncomingMessage): Promise<Rights | undefined> {
    const { signIn, clients, token } = this.#options;
    const proxied = proxiedIdentity(request, signIn, clients);
    if (proxied) return this.ofIdentity(proxied, 'header');
    const { authorization } = request.headers;
    if (authorization === undefined) return undefined;
    if (await token?.isIn(authorization)) return { level: 'admin', by: 'authorization', mayNameFiles: true };
    return this.#ofAuthorization(request);
  }

  /** The rights of a client by its connection alone: its certificate, or access for everyone. */
  async ofConnection(request: IncomingMessage): Promise<Rights> {
    const auth = this.#options.auth();
    if (!auth) return { level: this.#openLevel(request), by: 'address', mayNameFiles: false };
    const presented = { ...presentedBy(request, this.#options.clients.of(request)), authorization: undefined };
    const { identity } = await auth.identify(presented);
    return this.#decide(auth, identity, identity.name === '' ? 'address' : 'certificate');
  }

  /** @param identity without the groups of the configuration */
  async ofIdentity(identity: Identity, by: KnownBy): Promise<Rights> {
    const auth = this.#options.auth();
    if (auth) return this.#decide(auth, await auth.withGroups(identity), by);
    return { level: this.#options.isOpen ? 'viewer' : 'none', by, user: identity.name, mayNameFiles: false };
  }

  async #ofAuthorization(request: IncomingMessage): Promise<Rights> {
    const auth = this.#options.auth();
    const caller = await auth?.identify(presentedBy(request, this.#options.clients.of(request)));
    if (auth && caller && !caller.isRefused) return this.#decide(auth, caller.identity, 'authorization');
    throw new ControlError('denied', REJECTED);
  }

  #decide({ policy }: Auth, identity: Identity, by: KnownBy): Rights {
    const { name, grants } = identity;
    const user = name === '' ? undefined : name;
    const isAdmin = policy.mayAdminister(identity) && (grants === undefined || covers(grants, ADMIN));
    if (isAdmin) return { level: 'admin', by, user, mayNameFiles: true };
    return {
      level: policy.knows(identity) ? 'viewer' : 'none',
      by,
      user,
      mayPull: (repository) =>
        policy.allows(identity, repository, 'pull') && this.#grants.allow(grants, repository, PULL),
      mayNameFiles: false,
    };
  }

  /** Everyone may pull everything. Who uses the machine itself may see the rest, such as the addresses of clients. */
  #openLevel(request: IncomingMessage): Level {
    if (!this.#options.isOpen) return 'none';
    const { address } = this.#options.clients.of(request);
    const isLocal = address !== undefined && isLoopback(address);
    return isLocal && PROXY_HEADERS.every((name) => request.headers[name] === undefined) ? 'reader' : 'viewer';
  }
}
