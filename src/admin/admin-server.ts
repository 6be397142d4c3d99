import { createServer } from 'node:http';

import express, { type Express, type Router } from 'express';

import type { Listen } from '../config/config.ts';
import { bind, closeNow } from '../http/listen/bound-server.ts';
import { PROFILES_PATH } from '../http/pages/debug-profiles.ts';
import { ADMIN_PATH } from './api.ts';
import { refuseStrangers, requireToken, type TokenCheck } from './authenticate.ts';
import { type AdminRoutesOptions, answerAdminError, createAdminRoutes } from './routes.ts';

/** Permissions of a socket. */
const OWNER_ONLY = 0o600;

export interface AdminServerOptions extends AdminRoutesOptions {
  readonly listen: Listen;
  /** Further names and addresses by which it is reached. */
  readonly hosts?: readonly string[];
  /** Undefined: whoever reaches the address may do everything. */
  readonly hasToken?: TokenCheck | undefined;
  /** Of the process, which hold secrets: for a socket. */
  readonly profiles?: Router;
}

export interface AdminServer {
  /** `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

/** The admin API on an address of its own. @throws what listening failed with */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { listen } = options;
  const server = createServer(createAdminApp(options));
  const url = await bind(server, listen, { mode: OWNER_ONLY });
  return { url, close: () => closeNow(server) };
}

/** The same below the pages that an app has already, where `listen` is the app's own. */
export function createAdminApp({ listen, hosts = [], hasToken, profiles, ...routes }: AdminServerOptions): Express {
  const app = express();
  const guards = hasToken ? [refuseStrangers(undefined), requireToken(hasToken)] : [refuseStrangers({ listen, hosts })];
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(ADMIN_PATH, ...guards, createAdminRoutes(routes));
  if (profiles) app.use(PROFILES_PATH, ...guards, profiles);
  app.use(answerAdminError(routes.onError));
  return app;
}
