import type { Exchange } from './exchange.ts';

/** @param headers beside those that every answer has */
export function sendJson(exchange: Exchange, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const { req, res } = exchange;
  const body = Buffer.from(JSON.stringify(value));
  res.writeHead(200, {
    ...exchange.commonHeaders(),
    'content-type': 'application/json',
    ...headers,
    'content-length': body.length,
  });
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  res.end(body);
}
