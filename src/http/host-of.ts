import type { IncomingMessage } from 'node:http';

/** As `Host` may be, so that it can stand in a URL. RFC 9110, section 7.2. */
const HOST = /^(?:[\w.~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Whether a text can be the host of a URL. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** The host that the client asked for, with the port; in HTTP/2 `:authority` says it. RFC 9113, section 8.3.1. */
export function hostOf({ headers }: IncomingMessage): string | undefined {
  return headers.host ?? (headers[':authority'] as string | undefined);
}
