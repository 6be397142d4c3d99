import { z } from 'zod';
import { hosts, tcpAddress } from './address.ts';
import { otherwise } from './defaults.ts';
import { scalar } from './scalar.ts';
import { secret } from './text.ts';

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
    token: otherwise(
      secret(
        "The bearer token. Without `admin.addr`, the API is then below `/admin/api/v1` on the registry's address.",
      ),
      'none',
    ),
    tokenfile: otherwise(tokenFile, 'none'),
  })
  .transform(({ addr, hosts: more = [], token, tokenfile }) => ({
    listen: addr,
    hosts: more,
    token,
    tokenFile: tokenfile,
  }))
  .describe('The admin API. It is also always on a socket in the storage directory, for users who may read that.');
