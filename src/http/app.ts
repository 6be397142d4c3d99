import express, { type Express } from 'express';

export interface AppOptions {
  readonly isHealthy: () => boolean;
  /** Pages of the admin API; undefined when they are elsewhere. */
  readonly admin?: Express | undefined;
}

/** What is for people and load balancers: everything that is not under `/v2/`. */
export function createApp({ isHealthy, admin }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/', (_request, response) => {
    const status = isHealthy() ? 200 : 503;
    response.status(status).set('cache-control', 'no-cache').end();
  });
  if (admin) app.use(admin);
  app.use((_request, response) => {
    response.status(404).json({
      errors: [{ code: 'UNSUPPORTED', message: 'no such page; the registry API is below /v2/' }],
    });
  });
  return app;
}
