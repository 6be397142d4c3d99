import { z } from 'zod';
import { hosts, tcpAddress } from './address.ts';
import { otherwise, withDefault } from './defaults.ts';
import { scalar } from './scalar.ts';
import { choice, secret } from './text.ts';

const tokenFile = scalar('File with the token; read again when it changes.', {
  expected: 'must be text',
  json: { type: 'string', minLength: 1 },
  format: 'file',
  parse: (value) => value,
  reads: 'secret',
  isFile: true,
});

export const admin = z
  .strictObject({
    addr: otherwise(
      tcpAddress(
        'A separate address for the [admin API](operating-cache.md#the-admin-api). Anything but loopback needs a token.',
      ),
      'none',
    ),
    hosts: hosts(
      'More names and addresses in `Host` under which `admin.addr` is served without a token, in addition to its own and those of loopback.',
    ).optional(),
    clients: withDefault(
      choice(
        'What `/requests` and `/clients` show of clients. `hashed`: the same client has the same hash until the next start.',
        ['full', 'hashed', 'off'],
      ),
      'full',
    ),
    token: otherwise(
      secret(
        "The bearer token. Without `admin.addr`, the API is then below `/admin/api/v1` on the registry's address.",
      ),
      'none',
    ),
    tokenfile: otherwise(tokenFile, 'none'),
  })
  .transform(({ addr, hosts: more = [], clients, token, tokenfile }) => ({
    listen: addr,
    hosts: more,
    clients,
    token,
    tokenFile: tokenfile,
  }))
  .describe('The admin API. It is also always on a socket in the storage directory, for users who may read that.');
