import type { ClientRequest, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

import type { Digest } from '../../src/oci/digest.ts';
import { startRequest, wholeResponseTo } from '../support/http-client.ts';

export interface Sent {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SendOptions {
  readonly body?: Buffer;
  readonly headers?: OutgoingHttpHeaders;
}

/** One request on a connection of its own. */
export async function send(method: string, url: string, { body, headers = {} }: SendOptions = {}): Promise<Sent> {
  const sending = startSending(method, url, { 'content-length': body?.length ?? 0, ...headers });
  sending.end(body);
  return await answerOf(sending);
}

/** The same, whose body the caller writes. */
export function startSending(method: string, url: string, headers: OutgoingHttpHeaders = {}): ClientRequest {
  return startRequest(url, { method, headers });
}

export async function answerOf(sending: ClientRequest): Promise<Sent> {
  const { body, ...response } = await wholeResponseTo(sending);
  return { ...response, body: String(body) };
}

/** Starts an upload. @returns its URL */
export async function startUpload(registry: string, repository: string, query = ''): Promise<string> {
  return locationOf(await send('POST', `${registry}/v2/${repository}/blobs/uploads/${query}`), registry);
}

export function locationOf({ headers }: Sent, registry: string): string {
  if (headers.location === undefined) throw new Error('there is no Location');
  return new URL(headers.location, registry).href;
}

/** The URL that ends an upload. */
export const ending = (upload: string, digest: Digest) =>
  `${upload}${upload.includes('?') ? '&' : '?'}digest=${digest}`;

/** Bytes that are kept, as the registry says. */
export async function keptOf(upload: string): Promise<number> {
  const { status, headers } = await send('GET', upload);
  if (status !== 204) throw new Error(`the status of an upload was answered with ${status}`);
  return Number(headers.range?.replace('0-', '')) + 1;
}

/** Status and code of an error. */
export function refusalOf({ status, body }: Sent): readonly [status: number, code: string | undefined] {
  const { errors } = JSON.parse(body) as { errors: { code: string }[] };
  return [status, errors[0]?.code];
}
