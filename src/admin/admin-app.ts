import express, { type Express, type Router } from 'express';

import type { Listen } from '../config/config.ts';
import { PROFILES_PATH } from '../http/pages/debug-profiles.ts';
import { ADMIN_PATH } from './api.ts';
import { refuseForeignPages, requireToken, type TokenCheck } from './authenticate.ts';
import { type AdminRoutesOptions, respondAdminError, createAdminRoutes } from './routes.ts';

export interface AdminAppOptions extends Omit<AdminRoutesOptions, 'mayReadFiles'> {
  readonly listen: Listen;
  /** Additional names and addresses of the server. */
  readonly hosts?: readonly string[];
  /** Absent when access to the address is enough. */
  readonly hasToken?: TokenCheck | undefined;
  /** Profiles of the process. They contain secrets, so only the socket has them. */
  readonly profiles?: Router | undefined;
}

/** The admin API for a server that listens on `listen`. */
export function createAdminApp({ listen, hosts = [], hasToken, profiles, ...routes }: AdminAppOptions): Express {
  const app = express();
  const guards = hasToken
    ? [refuseForeignPages(undefined), requireToken(hasToken)]
    : [refuseForeignPages({ listen, hosts })];
  const mayReadFiles = hasToken !== undefined || listen.net === 'unix';
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(ADMIN_PATH, ...guards, createAdminRoutes({ ...routes, mayReadFiles }));
  if (profiles) app.use(PROFILES_PATH, ...guards, profiles);
  app.use(respondAdminError(routes.onError));
  return app;
}
