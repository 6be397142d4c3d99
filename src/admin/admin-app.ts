import express, { type Express, type Router } from 'express';

import { PROFILES_PATH } from '../http/pages/debug-profiles.ts';
import { ADMIN_PATH } from './api.ts';
import { createGuard, createHostGuard } from './guard.ts';
import { type AdminRoutesOptions, respondAdminError, createAdminRoutes } from './routes.ts';

export interface AdminAppOptions extends AdminRoutesOptions {
  /** Path prefix of the registry; starts and ends with `/`. @default '/' */
  readonly prefix?: string | undefined;
  /** The pages of the dashboard. Absent when it is off at this address. */
  readonly dashboard?: { readonly path: string; readonly pages: Router } | undefined;
  /** Profiles of the process. They contain secrets, so only the socket has them. */
  readonly profiles?: Router | undefined;
}

/** The admin API, and the dashboard, for one address. */
export function createAdminApp({ prefix = '/', dashboard, profiles, ...routes }: AdminAppOptions): Express {
  const app = express();
  const guard = createGuard(routes.guard);
  // The prefix is that of the registry. Without it as well, where commands look for the API.
  const below = (path: string) => [...new Set([path, prefix.slice(0, -1) + path])];
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(below(ADMIN_PATH), guard, createAdminRoutes(routes));
  if (profiles) app.use(PROFILES_PATH, guard, profiles);
  if (dashboard) app.use(below(dashboard.path), createHostGuard(routes.guard), dashboard.pages);
  app.use(respondAdminError(routes.onError));
  return app;
}
