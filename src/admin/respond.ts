import type { Request, RequestHandler } from 'express';

/** Sends the result of `find` as JSON; `{}` without a result. */
export function respond(find: (request: Request) => Promise<object | void>): RequestHandler {
  return async (request, response) => void response.json((await find(request)) ?? {});
}
