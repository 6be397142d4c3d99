import { BlockList, isIP } from 'node:net';

/**
 * Where an address can be reached from: anywhere; within internal networks; only on this machine. `special` addresses are never those
 * of a registry: link-local ones, the metadata services of clouds, multicast, and reserved ones.
 */
export type NetworkZone = 'public' | 'private' | 'loopback' | 'special';

/** From the most reachable to the least reachable. */
const ORDER: readonly NetworkZone[] = ['public', 'private', 'loopback', 'special'];

/**
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const SUBNETS: Readonly<Record<Exclude<NetworkZone, 'public'>, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', 'fc00::/7', 'fec0::/10'],
  special: [
    '0.0.0.0/8',
    '169.254.0.0/16',
    '192.0.0.0/24', // Oracle's metadata service is in here
    '224.0.0.0/3',
    '100.100.100.200/32', // metadata of Alibaba
    '168.63.129.16/32', // and of Azure
    '::/128',
    'fe80::/10',
    'ff00::/8',
    'fd00:ec2::254/128', // and of AWS
  ],
};

/** Forms of IPv6 addresses that contain an IPv4 address: RFC 4291 section 2.5.5, RFC 6052, RFC 3056. */
const EMBEDDED: readonly ((ipv4: string, bits: number) => readonly [string, number])[] = [
  (ipv4, bits) => [`::ffff:${ipv4}`, 96 + bits],
  (ipv4, bits) => [`::${ipv4}`, 96 + bits],
  (ipv4, bits) => [`64:ff9b::${ipv4}`, 96 + bits],
  (ipv4, bits) => [`2002:${hexOf(ipv4)}::`, 16 + bits],
];

const LISTS = (['loopback', 'special', 'private'] as const).map((zone) => [zone, listOf(SUBNETS[zone])] as const);

/** @param address of IPv4 or IPv6, with or without brackets; undefined when it is neither */
export function zoneOf(address: string): NetworkZone | undefined {
  const [bare = ''] = address.replace(/^\[(.*)\]$/, '$1').split('%');
  const version = isIP(bare);
  if (version === 0) return undefined;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return LISTS.find(([, list]) => list.check(bare, family))?.[0] ?? 'public';
}

/** The zone of the most reachable of several addresses. */
export function widest(zones: readonly NetworkZone[]): NetworkZone | undefined {
  return ORDER.find((zone) => zones.includes(zone));
}

/**
 * Whether a host in zone `from` may lead to an address in zone `to`: never further inside than it is itself.
 *
 * @param options.privateAllowed also from outside to internal networks
 */
export function mayLead(
  from: NetworkZone,
  to: NetworkZone,
  { privateAllowed }: { readonly privateAllowed: boolean },
): boolean {
  if (privateAllowed && to === 'private') return true;
  return ORDER.indexOf(to) <= ORDER.indexOf(from);
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits = ''] = subnet.split('/');
    const isIpv6 = address.includes(':');
    list.addSubnet(address, Number(bits), isIpv6 ? 'ipv6' : 'ipv4');
    if (isIpv6) continue;
    for (const embed of EMBEDDED) list.addSubnet(...embed(address, Number(bits)), 'ipv6');
  }
  return list;
}

/** `127.0.0.1` → `7f00:0001` */
function hexOf(ipv4: string): string {
  return Buffer.from(ipv4.split('.').map(Number))
    .toString('hex')
    .replace(/^(.{4})/, '$1:');
}
