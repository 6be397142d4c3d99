import { createServer } from 'node:http';

import express, { type Express, type RequestHandler } from 'express';

import type { Listen } from '../config/config.ts';
import { bind, closeNow } from '../http/bound-server.ts';
import { ADMIN_PATH } from './api.ts';
import { type AdminRoutesOptions, answerAdminError, createAdminRoutes } from './routes.ts';

/** Permissions of a socket. */
const OWNER_ONLY = 0o600;

export interface AdminServerOptions extends AdminRoutesOptions {
  readonly listen: Listen;
  /** Undefined: whoever reaches the address may do everything. */
  readonly authenticate?: RequestHandler | undefined;
}

export interface AdminServer {
  /** `unix:<path>` for a socket. */
  readonly url: string;
  close(): Promise<void>;
}

/** The admin API on an address of its own. @throws what listening failed with */
export async function startAdminServer({ listen, authenticate, ...routes }: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(createAdminApp(routes, authenticate));
  const url = await bind(server, listen, { mode: OWNER_ONLY });
  return { url, close: () => closeNow(server) };
}

/** The same below the pages that an app has already. */
export function createAdminApp(routes: AdminRoutesOptions, authenticate: RequestHandler | undefined): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(ADMIN_PATH, ...(authenticate ? [authenticate] : []), createAdminRoutes(routes));
  app.use(answerAdminError(routes.onError));
  return app;
}
