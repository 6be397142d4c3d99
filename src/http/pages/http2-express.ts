import express, { type Express } from 'express';

import { http2 } from '../../builtin/http2.ts';

/**
 * Creates an Express app that serves requests of HTTP/2 only.
 *
 * Express gives every request and response the prototype `app.request` or `app.response`. Its own ones extend the classes of HTTP/1; these
 * have the same methods on top of the classes of HTTP/2. Apps mounted later inherit them.
 *
 * @see https://expressjs.com/en/guide/overriding-express-api.html
 */
export function createHttp2Express(): Express {
  const { Http2ServerRequest, Http2ServerResponse } = http2();
  const app = express();
  const own = { app: { value: app, configurable: true, enumerable: true, writable: true } };
  app.request = Object.create(Http2ServerRequest.prototype, {
    ...Object.getOwnPropertyDescriptors(express.request),
    ...own,
  }) as Express['request'];
  app.response = Object.create(Http2ServerResponse.prototype, {
    ...Object.getOwnPropertyDescriptors(express.response),
    ...own,
    // Express sets it; the class has only a getter.
    req: { value: undefined, configurable: true, enumerable: true, writable: true },
  }) as Express['response'];
  return app;
}
