import { BlockList, isIP } from 'node:net';

/** Networks of AWS, as far as somebody asked for them. */
export class AwsRanges {
  readonly #addresses: BlockList;
  /** How many networks there are. */
  readonly size: number;

  constructor(networks: readonly Network[]) {
    this.#addresses = new BlockList();
    this.size = networks.length;
    for (const { address, bits, family } of networks) this.#addresses.addSubnet(address, bits, family);
  }

  /** @param address IPv4 or IPv6; anything else is in none of them */
  has(address: string): boolean {
    const family = familyOf(address);
    return family !== undefined && this.#addresses.check(address, family);
  }
}

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Reads the file in which AWS publishes its networks. One that is written in a way we do not know is left out.
 *
 * @param regions in lower case, such as `eu-central-1`; undefined: all of them
 * @throws {SyntaxError} when it is something else
 * @see https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html
 */
export function parseAwsRanges(json: string, regions: readonly string[] | undefined): AwsRanges {
  const networks = new Map<string, Network>();
  for (const [text, region] of prefixesOf(JSON.parse(json))) {
    const network = regions?.includes(region.toLowerCase()) === false ? undefined : parseNetwork(text);
    // Each is there once for every service that uses it.
    if (network) networks.set(text, network);
  }
  return new AwsRanges([...networks.values()]);
}

function prefixesOf(file: unknown): [prefix: string, region: string][] {
  const { prefixes, ipv6_prefixes: ipv6Prefixes } = asRecord(file);
  if (!Array.isArray(prefixes) && !Array.isArray(ipv6Prefixes)) throw new SyntaxError('no list of networks');
  return [
    ...listed(prefixes).map((entry) => [String(entry.ip_prefix), String(entry.region)] as [string, string]),
    ...listed(ipv6Prefixes).map((entry) => [String(entry.ipv6_prefix), String(entry.region)] as [string, string]),
  ];
}

function listed(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(asRecord) : [];
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function parseNetwork(text: string): Network | undefined {
  const [address = '', bits = ''] = text.split('/');
  const family = familyOf(address);
  const isLength = /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 'ipv4' ? 32 : 128);
  return family && isLength ? { address, bits: Number(bits), family } : undefined;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
