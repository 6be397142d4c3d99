import { z } from 'zod';
import { hosts, secret, tcpAddress } from './scalar.ts';

export const admin = z
  .strictObject({
    addr: tcpAddress('An address of its own, such as 127.0.0.1:5002.').optional(),
    token: secret('What a caller has to send as bearer token.').optional(),
    hosts: hosts(
      'Names and addresses by which addr is reached without a token, beside its own and those of loopback.',
    ).optional(),
    tokenfile: secret('A file with the token; read again when it changes.').optional(),
  })
  .describe('The admin API: with addr on an address of its own, with a token alone on the one of the registry.');
