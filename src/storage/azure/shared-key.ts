import { createHmac } from 'node:crypto';

import type { StoreRequest } from '../objects/store-client.ts';

/** Version of the service that requests and signatures are for. */
export const API_VERSION = '2022-11-02';

/** Headers in the text to sign, in its order. `Date` is empty, as `x-ms-date` has the time. */
const SIGNED = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

export interface SharedKey {
  readonly account: string;
  /** Base64. */
  readonly key: string;
}

export function signText(text: string, key: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64');
}

/** @see https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
export function signRequest(
  { method, url, headers = {}, body }: StoreRequest,
  { account, key }: SharedKey,
  now = Date.now(),
): Record<string, string> {
  const own = { 'x-ms-date': new Date(now).toUTCString(), 'x-ms-version': API_VERSION };
  const length = body === undefined ? 0 : Buffer.byteLength(body);
  const all: Readonly<Record<string, string>> = {
    ...headers,
    ...own,
    ...(length > 0 && { 'content-length': String(length) }),
  };
  const special = Object.keys(all)
    .filter((name) => name.startsWith('x-ms-'))
    .sort()
    .map((name) => `${name}:${all[name]}`);
  const query = [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`);
  const resource = `/${account}${url.pathname}`;
  const text = [method, ...SIGNED.map((name) => all[name] ?? ''), ...special, resource, ...query].join('\n');
  return { ...own, authorization: `SharedKey ${account}:${signText(text, key)}` };
}
