import { z } from 'zod';
import { bool, duration, integer, name, ownTimer, secret, signedDuration, tcpAddress, text } from './scalar.ts';

const pool = z.strictObject({
  maxidle: integer('Idle connections.').optional(),
  maxactive: integer('Connections.').optional(),
  idletimeout: duration('Close an idle connection after.').optional(),
});

const tls = z
  .strictObject({
    enabled: bool(
      'Use TLS, with the public CAs where no others are named. Default: when one of the others is given.',
    ).optional(),
    certificate: text('PEM file with the client certificate.').optional(),
    key: text('PEM file with its key.').optional(),
    rootcas: z.array(name('A PEM file.')).describe('CAs to trust, instead of the public ones.').optional(),
  })
  .describe('TLS, to sentinels as well.');

const integers = <const K extends string>(keys: readonly K[]) =>
  sameType(keys, () => integer('Not honoured.').optional());
const durations = <const K extends string>(keys: readonly K[]) =>
  sameType(keys, () => signedDuration('Not honoured.').optional());
const flags = <const K extends string>(keys: readonly K[]) => sameType(keys, () => bool('Not honoured.').optional());

function sameType<K extends string, T>(keys: readonly K[], create: () => T): Record<K, T> {
  return Object.fromEntries(keys.map((key) => [key, create()])) as Record<K, T>;
}

export const redis = z
  .strictObject({
    addrs: z
      .array(tcpAddress('host:port'))
      .describe('The server; with mastername the sentinels; several without it: nodes of a cluster.')
      .optional(),
    addr: tcpAddress('Version 2: addrs.').optional(),
    mastername: text('What the sentinels call the master.').optional(),
    username: text('ACL user. Default: the default user.').optional(),
    password: secret('Password of the user.').optional(),
    sentinelusername: text('ACL user at the sentinels.').optional(),
    sentinelpassword: secret('Password at the sentinels.').optional(),
    db: integer('Number of the database. Default: 0.', { min: 0 }).optional(),
    clientname: text('Name of our connections.').optional(),
    protocol: integer('RESP version. Default: 3; 2 for Redis before 6.').optional(),
    tls: tls.optional(),
    dialtimeout: signedDuration('Longest time to connect. Default: 5s.').optional(),
    readtimeout: signedDuration('Longest wait for an answer when no client waits. Default: 3s.').optional(),
    deadline: ownTimer('Longest wait for an answer when a client waits. Default: 20ms.').optional(),
    maxredirects: integer('How often a command follows the slots of a cluster. Default: 3.').optional(),
    disableidentity: bool('Do not tell the server which library this is.').optional(),
    identitysuffix: text('Added to the name of the library.').optional(),
    pool: pool.optional(),
    ...integers(['maxretries', 'poolsize', 'minidleconns', 'maxidleconns', 'maxactiveconns']),
    ...durations(['minretrybackoff', 'maxretrybackoff', 'writetimeout', 'pooltimeout']),
    ...durations(['connmaxidletime', 'connmaxlifetime']),
    ...flags(['contexttimeoutenabled', 'poolfifo', 'readonly', 'routebylatency', 'routerandomly', 'unstableresp3']),
  })
  .describe('Redis, shared by several processes. It may be absent at any time.');
