import type { Exchange } from './exchange.ts';

/** @param headers added to the common ones */
export function sendJson(exchange: Exchange, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const { req, res } = exchange;
  const body = Buffer.from(JSON.stringify(value));
  const fields = { 'content-type': 'application/json', 'content-length': body.length, ...headers };
  res.writeHead(200, Object.assign(exchange.commonHeaders(), fields));
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  res.end(body);
}
