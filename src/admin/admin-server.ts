import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';

import express, { type Express, type RequestHandler } from 'express';

import type { Listen } from '../config/config.ts';
import { ADMIN_PATH } from './api.ts';
import { type AdminRoutesOptions, answerAdminError, createAdminRoutes } from './routes.ts';

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
  if (listen.net === 'unix') await listenPrivately(server, listen.path);
  else {
    server.listen(listen.port, listen.host);
    await once(server, 'listening');
  }
  return {
    url: urlOf(server),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
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

/** For the owner of the process alone, from the first moment on. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true }); // left by a process that was killed
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
  await chmod(path, 0o600);
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
