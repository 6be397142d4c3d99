import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import type { TcpAddress } from '../units.ts';
import { tcpAddress } from './address.ts';
import { otherwise, withDefault, withPositiveDefault } from './defaults.ts';
import { ownTimer, signedDuration } from './duration.ts';
import { bool, integer } from './number.ts';
import { unusedRedisKeys } from './redis-unused.ts';
import { file, secret, text } from './text.ts';

const tls = z
  .strictObject({
    enabled: otherwise(
      bool('`true`: TLS with the public CAs, unless others are given; `false`: no TLS.'),
      '`true` with any of the files below',
    ),
    certificate: file('PEM file with the client certificate.').optional(),
    key: file('PEM file with its key.').optional(),
    rootcas: z
      .array(file('A PEM file.', 'certificates'))
      .describe('PEM files with CAs to trust instead of the public ones.')
      .optional(),
  })
  .transform(({ enabled, certificate, key, rootcas = [] }) => {
    const isOn = enabled ?? (certificate !== undefined || key !== undefined || rootcas.length > 0);
    if (!isOn) return undefined;
    const hasPair = Boolean(certificate && key);
    return {
      certificateFile: hasPair ? certificate : undefined,
      keyFile: hasPair ? key : undefined,
      /** Empty for the public CAs. */
      caFiles: rootcas,
    };
  })
  .describe('TLS, to sentinels as well.');

const keys = z.strictObject({
  addrs: z
    .array(tcpAddress('host:port'))
    .describe('One server; with `mastername` the sentinels; several without it: nodes of a cluster.')
    .optional(),
  addr: tcpAddress('The server, in the format of version 2; use `addrs`.').meta({ deprecated: true }).optional(),
  mastername: text("The sentinels' name of the master.").optional(),
  sentinelusername: text('ACL user at the sentinels.').optional(),
  sentinelpassword: secret('Password at the sentinels.').optional(),
  username: text('ACL user.').optional(),
  password: secret("Password of the ACL user, or the default user's.").optional(),
  db: withDefault(integer('Number of the database. A cluster has only one.', { min: 0 }), '0'),
  deadline: withDefault(ownTimer("Longest wait of a pull. A key of Layover's."), '20ms'),
  readtimeout: withPositiveDefault(
    signedDuration('Longest wait when no client waits. Shorter than `1s` means `1s`.'),
    '3s',
  ),
  dialtimeout: withPositiveDefault(
    signedDuration('Longest wait for a connection. Shorter than `1s` means `1s`.'),
    '5s',
  ),
  tls: tls.prefault({}),
  clientname: text("Name of Layover's connections in `CLIENT LIST`.").optional(),
  identitysuffix: text('Appended to the name of the client library in `CLIENT LIST`.').optional(),
  disableidentity: withDefault(bool('`true`: no name of the client library.'), 'false'),
  protocol: withDefault(integer('Version of RESP. `2` for Redis before 6.'), '3'),
  maxredirects: withPositiveDefault(integer('How often a command follows the slots of a cluster.'), '3'),
  ...unusedRedisKeys,
});

type Raw = z.output<typeof keys>;

/**
 * For waits that delay no client. Distribution's sample has 10 ms, which a busy server or process exceeds again and again: the connection
 * would be dropped each time. Milliseconds.
 */
const MIN_BACKGROUND_MS = 1_000;

/** Undefined without an address, as in distribution. */
export const redis = keys
  .transform((raw) => {
    const topology = toTopology(raw);
    return topology && { topology, ...toConnection(raw) };
  })
  .describe('Redis, shared by several processes. It may be unavailable at any time.');

function toConnection(raw: Raw) {
  return {
    username: raw.username || undefined,
    password: raw.password || undefined,
    /** Not on a cluster, which has only one. */
    database: raw.db,
    clientName: raw.clientname || undefined,
    /** Appended to the library's name. Absent when no name is sent. */
    identity: raw.disableidentity ? undefined : (raw.identitysuffix ?? ''),
    /** Of RESP. */
    protocol: raw.protocol === 2 ? (2 as const) : (3 as const),
    tls: raw.tls,
    connectTimeoutMs: Math.max(raw.dialtimeout, MIN_BACKGROUND_MS),
    /** Longest wait for a reply when no client waits. */
    readTimeoutMs: Math.max(raw.readtimeout, MIN_BACKGROUND_MS),
    /** Longest wait for a reply when a client waits. */
    deadlineMs: Math.min(raw.deadline, raw.readtimeout),
    maxRedirects: raw.maxredirects,
  };
}

function toTopology(raw: Raw) {
  const addresses = (raw.addrs?.length ? raw.addrs : raw.addr ? [raw.addr] : []).map(toAddress);
  const [first] = addresses;
  if (first === undefined) return undefined;
  if (raw.mastername) {
    return {
      kind: 'sentinel' as const,
      sentinels: addresses,
      masterName: raw.mastername,
      /** At the sentinels. */
      username: raw.sentinelusername || undefined,
      password: raw.sentinelpassword || undefined,
    };
  }
  return addresses.length > 1
    ? { kind: 'cluster' as const, nodes: addresses }
    : { kind: 'standalone' as const, address: first };
}

function toAddress({ host = 'localhost', port }: TcpAddress) {
  return { host, port };
}

export type RedisConfig = NonNullable<Immutable<z.output<typeof redis>>>;
export type RedisAddress = Readonly<ReturnType<typeof toAddress>>;
