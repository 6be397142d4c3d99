import { createServer } from 'node:http';

import express, { type Express, type Router } from 'express';

import type { Listen } from '../config/config.ts';
import { bind, closeNow } from '../http/listen/bound-server.ts';
import { PROFILES_PATH } from '../http/pages/debug-profiles.ts';
import { ADMIN_PATH } from './api.ts';
import { refuseForeignPages, requireToken, type TokenCheck } from './authenticate.ts';
import { type AdminRoutesOptions, respondAdminError, createAdminRoutes } from './routes.ts';

/** Permissions of a socket. */
const OWNER_ONLY = 0o600;

export interface AdminServerOptions extends AdminRoutesOptions {
  readonly listen: Listen;
  /** Additional names and addresses of the server. */
  readonly hosts?: readonly string[];
  /** Absent when access to the address is enough. */
  readonly hasToken?: TokenCheck | undefined;
  /** Profiles of the process. They contain secrets, so only the socket has them. */
  readonly profiles?: Router;
}

export interface AdminServer {
  /** `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

/** The admin API on a separate address. @throws when it cannot listen */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { listen } = options;
  const server = createServer(createAdminApp(options));
  const url = await bind(server, listen, { mode: OWNER_ONLY });
  return { url, close: () => closeNow(server) };
}

/** The admin API for an existing server, which listens on `listen`. */
export function createAdminApp({ listen, hosts = [], hasToken, profiles, ...routes }: AdminServerOptions): Express {
  const app = express();
  const guards = hasToken
    ? [refuseForeignPages(undefined), requireToken(hasToken)]
    : [refuseForeignPages({ listen, hosts })];
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(ADMIN_PATH, ...guards, createAdminRoutes(routes));
  if (profiles) app.use(PROFILES_PATH, ...guards, profiles);
  app.use(respondAdminError(routes.onError));
  return app;
}
