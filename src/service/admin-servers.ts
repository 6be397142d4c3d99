import type { createAdminApp } from '../admin/admin-app.ts';
import { type AdminServer, type AdminServerOptions, startAdminServer } from '../admin/admin-server.ts';
import { createTokenCheck, type TokenCheck } from '../admin/authenticate.ts';
import { adminSocketPath } from '../admin/api.ts';
import type { Config } from '../config/config.ts';
import { NO_PULL_LOG } from '../operations/pull-log.ts';
import type { ServiceControl } from '../operations/service-control.ts';
import type { Log } from '../telemetry/log.ts';
import type { Context } from './context.ts';

export interface AdminOptions {
  readonly context: Context;
  readonly service: ServiceControl;
  readonly log: Log;
  readonly loadProfiles: NonNullable<AdminServerOptions['loadProfiles']>;
  /** Absent when no token is configured. */
  readonly hasToken: TokenCheck | undefined;
}

/** Loads Express; the returned function creates the pages. */
export type LoadAdminApp = () => Promise<() => ReturnType<typeof createAdminApp>>;

export interface AdminServers {
  /** Loads the pages for the registry's own address. Absent when the admin API is not served there. */
  readonly loadApp: LoadAdminApp | undefined;
  close(): Promise<void>;
}

export function createAdminTokenCheck({ admin: { token, tokenFile } }: Config): TokenCheck | undefined {
  return token === undefined && tokenFile === undefined ? undefined : createTokenCheck({ token, tokenFile });
}

/**
 * Starts the admin API on its address, and on a socket in the storage directory once this process owns that: whichever is configured.
 * A socket that cannot be created is logged.
 *
 * @throws when the address cannot be bound, such as `EADDRINUSE`
 */
export async function startAdminServers(config: Config, options: AdminOptions): Promise<AdminServers> {
  const { context, service, log, loadProfiles, hasToken } = options;
  const { listen, hosts } = config.admin;
  const onError = (error: unknown) => log.error({ reason: String(error) }, 'admin API failed');
  const { pulls = NO_PULL_LOG } = context;
  const routes = { ...context, service, pulls, onError };
  const server = listen && (await startAdminServer({ ...routes, listen, hosts, hasToken }));
  const socket = new AdminSocket(adminSocketPath(config), (path) =>
    startAdminServer({ ...routes, listen: { net: 'unix', path }, loadProfiles }),
  );
  const starting = context.owner.acquired.then(() => socket.start()).catch(onError);
  if (context.owner.isOwner) await starting;
  return {
    loadApp: hasToken && !listen ? () => loadAdminApp({ ...routes, listen: config.http.listen, hasToken }) : undefined,
    async close() {
      await Promise.all([server?.close(), socket.close()]);
    },
  };
}

async function loadAdminApp(options: Parameters<typeof createAdminApp>[0]) {
  const { createAdminApp } = await import('../admin/admin-app.ts');
  return () => createAdminApp(options);
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
