import { once } from 'node:events';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** A request on its own connection, with exactly this path and these headers. The caller ends it. */
export function startRequest(url: string, { method = 'GET', headers = {} }: RequestOptions = {}): ClientRequest {
  const { hostname, port, origin } = new URL(url);
  return request({ hostname, port, path: url.slice(origin.length), method, headers, agent: false });
}

/** Resolves when the headers are in. The caller reads the body or destroys it. */
export async function responseTo(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** Resolves when the body is in; nothing is followed or decoded. */
export async function wholeResponseTo(sent: ClientRequest): Promise<HttpResponse> {
  const response = await responseTo(sent);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}

export function sendRequest(
  url: string,
  { body, ...options }: RequestOptions & { readonly body?: Uint8Array } = {},
): Promise<HttpResponse> {
  return wholeResponseTo(startRequest(url, options).end(body));
}
