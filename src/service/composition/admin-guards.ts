import type { GuardOptions } from '../../admin/guard.ts';
import type { Auth } from '../../auth/auth.ts';
import type { Config } from '../../config/config.ts';
import { Clients } from '../../http/client/client-address.ts';
import { createHostCheck, listensOnLoopback } from '../../http/client/known-hosts.ts';
import { TrustedProxies } from '../../http/client/trusted-proxies.ts';
import type { AdminToken } from '../../sign-in/admin-token.ts';
import type { CreateSignInOptions } from '../../sign-in/create-sign-in.ts';

/** The configuration in use, which a reload replaces. */
export interface Serving {
  readonly config: Config;
  /** Absent when every client may do everything. */
  readonly auth: Auth | undefined;
  readonly clients: Clients;
}

export type GuardParts = Pick<CreateSignInOptions, 'links' | 'secrets' | 'router' | 'events' | 'now'> & {
  /** Absent when none is configured. */
  readonly token: AdminToken | undefined;
};

/** `auth` is that of the configuration in use, which a reload replaces. */
export type AdminGuardParts = GuardParts & Pick<CreateSignInOptions, 'auth'>;

/** Whether the dashboard is on the registry's address. */
export function hasDashboard({ ui, auth, http }: Config): boolean {
  return ui.isEnabled ?? (auth !== undefined || listensOnLoopback(http.listen));
}

/** Whether the admin API is on the registry's address, too. */
export function hasAdminApi(config: Config, token: AdminToken | undefined): boolean {
  const hasAdmins = config.auth?.policy.some(({ actions }) => actions.includes('admin')) ?? false;
  return hasDashboard(config) || hasAdmins || (token !== undefined && config.admin.listen === undefined);
}

/** Of the registry's address. */
export async function loadRegistryGuard({ config, auth, clients }: Serving, parts: GuardParts): Promise<GuardOptions> {
  const { http, ui } = config;
  const host = http.host === undefined ? undefined : new URL(http.host);
  const hosts = [...ui.hosts, ...(host ? [host.hostname] : [])];
  return {
    kind: 'guarded',
    signIn: await loadSignIn({ ...parts, config, clients, auth: () => auth, isOpen: !auth && hasDashboard(config) }),
    isServed: createHostCheck({ listen: http.listen, hosts, acceptsAddresses: true }),
    hostsKey: 'ui.hosts',
    ownHosts: (request) => [clients.forwarded(request).host, host?.host],
  };
}

/** Of `admin.addr`. Without a token, access to the address is enough. */
export async function loadAdminGuard(config: Config, { auth, ...parts }: AdminGuardParts): Promise<GuardOptions> {
  const { admin, ui, http } = config;
  const listen = admin.listen ?? http.listen;
  const hosts = [...admin.hosts, ...ui.hosts];
  if (!parts.token) return { kind: 'open', listen, hosts };
  const clients = new Clients(new TrustedProxies(http.trustedProxies));
  return {
    kind: 'guarded',
    signIn: await loadSignIn({ ...parts, config, clients, auth, isOpen: false }),
    isServed: createHostCheck({ listen, hosts, acceptsAddresses: true }),
    hostsKey: 'admin.hosts',
    ownHosts: (request) => [clients.forwarded(request).host],
  };
}

async function loadSignIn(options: CreateSignInOptions) {
  const { createSignIn } = await import('../../sign-in/create-sign-in.ts');
  return createSignIn(options);
}
