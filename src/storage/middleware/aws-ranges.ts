import { BlockList, isIP } from 'node:net';

/** A set of AWS networks. */
export class AwsRanges {
  readonly #addresses: BlockList;
  /** Number of networks. */
  readonly size: number;

  constructor(networks: readonly Network[]) {
    this.#addresses = new BlockList();
    this.size = networks.length;
    for (const { address, bits, family } of networks) this.#addresses.addSubnet(address, bits, family);
  }

  /** Whether a network contains the address. @param address IPv4 or IPv6; false for other text */
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
 * Parses the file in which AWS publishes its networks. Entries in an unknown format are left out.
 *
 * @param regions in lower case, such as `eu-central-1`. Absent: all regions
 * @throws {SyntaxError} when it is not such a file
 * @see https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html
 */
export function parseAwsRanges(json: string, regions: readonly string[] | undefined): AwsRanges {
  const networks = new Map<string, Network>();
  for (const [text, region] of prefixesOf(JSON.parse(json))) {
    const network = regions?.includes(region.toLowerCase()) === false ? undefined : parseNetwork(text);
    // The file lists a network once for every service that uses it.
    if (network) networks.set(text, network);
  }
  return new AwsRanges([...networks.values()]);
}

function prefixesOf(file: unknown): [prefix: string, region: string][] {
  const { prefixes, ipv6_prefixes: ipv6Prefixes } = asRecord(file);
  if (!Array.isArray(prefixes) && !Array.isArray(ipv6Prefixes)) throw new SyntaxError('no list of networks');
  return [
    ...recordsOf(prefixes).map((entry) => [String(entry.ip_prefix), String(entry.region)] as [string, string]),
    ...recordsOf(ipv6Prefixes).map((entry) => [String(entry.ipv6_prefix), String(entry.region)] as [string, string]),
  ];
}

function recordsOf(value: unknown): Record<string, unknown>[] {
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
