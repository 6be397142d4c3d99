import type { ServerResponse } from 'node:http';

import { isGone } from '../listen/http2.ts';

/** Aborts when the client disconnects before the response is complete. */
export function clientSignal(res: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new Error('the client closed the connection'));
  if (isGone(res)) abort();
  res.once('close', () => {
    if (!res.writableFinished) abort();
  });
  return controller.signal;
}
