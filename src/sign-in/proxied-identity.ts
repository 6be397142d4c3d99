import type { IncomingMessage } from 'node:http';

import type { Identity } from '../auth/identity.ts';
import type { UiConfig } from '../config/config.ts';
import type { Clients } from '../http/client/client-address.ts';
import { connectionOf } from '../http/client/connection.ts';
import { ControlError } from '../operations/control-error.ts';

/**
 * The user that a proxy has signed in. Headers count only from `http.trustedproxies`.
 *
 * @throws {ControlError} `denied` when a header is there twice: the client may have sent the first one
 */
export function proxiedIdentity(
  request: IncomingMessage,
  { header, groupsHeader }: UiConfig['signIn'],
  clients: Clients,
): Identity | undefined {
  if (header === undefined || !clients.peerOf(connectionOf(request)).isTrusted) return undefined;
  const name = onlyValue(request, header)?.trim();
  if (!name) return undefined;
  const groups = groupsHeader === undefined ? undefined : onlyValue(request, groupsHeader);
  return { name, groups: groups?.split(',').map(trimmed).filter(Boolean) ?? [] };
}

/** In HTTP/1, Node joins the values of headers. Names are UTF-8. */
function onlyValue({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  const values = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
  if (values.length > 1) throw new ControlError('denied', `the request has more than one header ${name}`);
  return values[0] === undefined ? undefined : Buffer.from(values[0], 'latin1').toString('utf8');
}

function trimmed(text: string): string {
  return text.trim();
}
