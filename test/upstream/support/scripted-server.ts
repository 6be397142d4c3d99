import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import { startServer } from '../../support/start-server.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export type Script = (req: IncomingMessage, res: ServerResponse, seen: readonly SeenRequest[]) => void;

/** A server that responds by `script` and records its requests. */
export async function startScripted(script: Script) {
  const seen: SeenRequest[] = [];
  const server = await startServer((req, res) => {
    seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers });
    script(req, res, seen);
  });
  return {
    url: server.url,
    port: server.port,
    /** The same server under another name, which is another origin and another host. */
    localhostUrl: `http://localhost:${server.port}`,
    seen,
    /** `GET /path`, one line per request. */
    lines: () => seen.map(({ method, url }) => `${method} ${url}`),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}

export function sendError(res: ServerResponse, status: number, code: string, message: string): void {
  sendJson(res, status, { errors: [{ code, message }] });
}
