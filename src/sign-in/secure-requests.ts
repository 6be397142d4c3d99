import type { IncomingMessage } from 'node:http';

import type { Clients } from '../http/client/client-address.ts';
import { connectionOf } from '../http/client/connection.ts';
import { hostOf } from '../http/client/host-of.ts';

/** @param host scheme and host of all URLs. Absent when they depend on the request */
export function createSecureCheck(host: string | undefined, clients: Clients): (request: IncomingMessage) => boolean {
  const secureHost = host?.startsWith('https://') ? host.slice('https://'.length) : undefined;
  return (request) =>
    'encrypted' in connectionOf(request) ||
    clients.forwarded(request).scheme === 'https' ||
    (secureHost !== undefined && hostOf(request) === secureHost);
}
