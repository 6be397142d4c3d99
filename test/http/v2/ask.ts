import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request on a connection of its own, with exactly this path and these headers; nothing is followed or decoded. */
export async function ask(
  url: string,
  { method = 'GET', headers = {} }: { readonly method?: string; readonly headers?: OutgoingHttpHeaders } = {},
): Promise<Answered> {
  const { origin, hostname, port } = new URL(url);
  const asking = request({ hostname, port, path: url.slice(origin.length), method, headers, agent: false }).end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

export function json(answer: Answered): unknown {
  return JSON.parse(answer.body.toString());
}

/** Status and code of an error that has the shape the spec asks for. */
export function errorOf(answer: Answered): readonly [status: number, code: unknown] {
  const { errors } = json(answer) as { errors: { code: string; message: string }[] };
  return [answer.status, errors.map(({ code }) => code).join()];
}
