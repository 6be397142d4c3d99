import type { RouteHandler } from '../route-table.ts';

/** `OPTIONS` of any endpoint: RFC 9110, section 9.3.7. */
export const listMethods: RouteHandler<'list-methods'> = async ({ allowed }, { exchange }) => {
  const headers = exchange.commonHeaders();
  headers['allow'] = allowed.join(', ');
  headers['content-length'] = 0;
  exchange.res.writeHead(200, headers).end();
};
