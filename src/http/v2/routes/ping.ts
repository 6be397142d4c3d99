import type { RouteHandler } from '../route-table.ts';
import { sendJson } from '../send-json.ts';

/** `GET /v2/`: end-1 of the distribution spec. */
export const ping: RouteHandler<'ping'> = async (_request, { exchange }) => sendJson(exchange, {});
