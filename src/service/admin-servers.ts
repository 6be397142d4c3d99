import type { createAdminApp } from '../admin/admin-app.ts';
import { type AdminServer, type AdminServerOptions, startAdminServer } from '../admin/admin-server.ts';
import { adminSocketPath } from '../admin/api.ts';
import type { GuardOptions } from '../admin/guard.ts';
import type { AdminRoutesOptions } from '../admin/routes.ts';
import type { Config } from '../config/config.ts';
import { NO_PULL_LOG } from '../operations/pull-log.ts';
import type { AdminToken } from '../sign-in/admin-token.ts';
import { OneTimeLinks } from '../sign-in/one-time-links.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import {
  type AdminGuardParts,
  type GuardParts,
  hasAdminApi,
  hasDashboard,
  loadAdminGuard,
  loadRegistryGuard,
  type Serving,
} from './composition/admin-guards.ts';
import { dashboardLink, type ListeningUrls } from './composition/dashboard-links.ts';
import type { Context } from './context.ts';

export interface AdminOptions {
  readonly context: Context;
  readonly telemetry: Pick<Telemetry, 'log' | 'auth'>;
  readonly loadProfiles: NonNullable<AdminServerOptions['loadProfiles']>;
  /** Absent when no token is configured. */
  readonly token: AdminToken | undefined;
  /** That of the configuration in use, which a reload replaces. */
  readonly auth: AdminGuardParts['auth'];
  /** That of the registry is set once it listens. */
  readonly urls: ListeningUrls;
  readonly now: () => number;
}

/** Loads Express; the returned function creates the pages. Undefined when they are not on the registry's address. */
export type LoadAdminApp = (serving: Serving) => Promise<(() => ReturnType<typeof createAdminApp>) | undefined>;

export interface AdminServers {
  /** Loads the pages for the registry's own address. */
  readonly loadApp: LoadAdminApp;
  close(): Promise<void>;
}

/**
 * Starts the admin API on its address, and on a socket in the storage directory once this process owns that: whichever is configured.
 * A socket that cannot be created is logged.
 *
 * @throws when the address cannot be bound, such as `EADDRINUSE`
 */
export async function startAdminServers(config: Config, options: AdminOptions): Promise<AdminServers> {
  const { context, telemetry, loadProfiles, token, auth, urls, now } = options;
  const onError = (error: unknown) => telemetry.log.error({ reason: String(error) }, 'admin API failed');
  if (config.ui.isEnabled === undefined && !hasDashboard(config))
    telemetry.log.info({}, 'dashboard off: http.addr is open to other machines and auth is not set (set ui.enabled)');
  const links = new OneTimeLinks(now);
  const parts: GuardParts = { ...context, token, links, secrets: context.sharedSecrets, events: telemetry.auth, now };
  const routesOf = createRoutesOf(config, { context, urls, links, onError });
  const server = await startOnAddress(config, { parts: { ...parts, auth }, routesOf, onError });
  urls.admin = server?.url;
  const socket = new AdminSocket(adminSocketPath(config), (path) => {
    const guard = { kind: 'open', listen: { net: 'unix', path }, hosts: [] } as const;
    return startAdminServer({ ...guard, onError, loadOptions: async () => routesOf(guard), loadProfiles });
  });
  const starting = context.owner.acquired.then(() => socket.start()).catch(onError);
  if (context.owner.isOwner) await starting;
  return {
    loadApp: async (serving) =>
      hasAdminApi(serving.config, token) ? loadApp(serving, { parts, routesOf }) : undefined,
    async close() {
      await Promise.all([server?.close(), socket.close()]);
    },
  };
}

/** The routes behind a guard. */
type RoutesOf = (guard: GuardOptions) => AdminRoutesOptions;

interface RoutesParts extends Pick<AdminOptions, 'context' | 'urls'> {
  readonly links: OneTimeLinks;
  readonly onError: (error: unknown) => void;
}

function createRoutesOf(config: Config, { context, urls, links, onError }: RoutesParts): RoutesOf {
  const { pulls = NO_PULL_LOG } = context;
  const linkOf = (code: string) => dashboardLink(config, urls, code);
  return (guard) => ({ ...context, pulls, onError, guard, links, linkOf });
}

/** @returns undefined without `admin.addr`. @throws when the address cannot be bound */
async function startOnAddress(
  config: Config,
  { parts, routesOf, onError }: { parts: AdminGuardParts; routesOf: RoutesOf; onError: (error: unknown) => void },
): Promise<AdminServer | undefined> {
  const { listen } = config.admin;
  if (!listen) return undefined;
  const loadOptions = async () => ({
    ...routesOf(await loadAdminGuard(config, parts)),
    dashboard: config.ui.isEnabled === false ? undefined : await loadDashboard(),
  });
  return startAdminServer({ listen, onError, loadOptions });
}

/** For the registry's address. */
async function loadApp(serving: Serving, { parts, routesOf }: { parts: GuardParts; routesOf: RoutesOf }) {
  const { createAdminApp } = await import('../admin/admin-app.ts');
  const app = {
    ...routesOf(await loadRegistryGuard(serving, parts)),
    prefix: serving.config.http.prefix,
    dashboard: hasDashboard(serving.config) ? await loadDashboard() : undefined,
  };
  return () => createAdminApp(app);
}

async function loadDashboard() {
  const { createDashboard, DASHBOARD_PATH } = await import('../dashboard/serve-dashboard.ts');
  return { path: DASHBOARD_PATH, pages: createDashboard() };
}

/** The server on the socket, which may start late or never. */
class AdminSocket {
  readonly #path: string | undefined;
  readonly #open: (path: string) => Promise<AdminServer>;
  #server: AdminServer | undefined;
  #isClosed = false;

  /** @param path absent when there is no socket */
  constructor(path: string | undefined, open: (path: string) => Promise<AdminServer>) {
    this.#path = path;
    this.#open = open;
  }

  async start(): Promise<void> {
    if (this.#path === undefined || this.#isClosed) return;
    this.#server = await this.#open(this.#path);
    if (this.#isClosed) await this.#server.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#server?.close();
  }
}
