import { BlockList, isIP } from 'node:net';

/** Which part of the addresses of clients is recorded. */
export type AddressDetail = 'full' | 'network' | 'none';

const IPV4_BITS = 24;
/** What providers give to one site (RFC 6177): a /64 is often one machine, which would not make it less identifiable. */
const IPV6_BITS = 48;

/** @returns undefined when nothing of the address is recorded; a network in CIDR notation for `network` */
export function recordedAddress(address: string | undefined, detail: AddressDetail): string | undefined {
  if (address === undefined || detail === 'none') return undefined;
  const plain = address.replace(/%.*$/, '');
  if (isIP(plain) === 0) return undefined;
  if (detail === 'full') return plain;
  return isIP(plain) === 4
    ? `${plain.split('.').slice(0, 3).join('.')}.0/${IPV4_BITS}`
    : `${ipv6Site(plain)}/${IPV6_BITS}`;
}

/** The first three groups. `URL` writes an address in its shortest form (RFC 5952). */
function ipv6Site(address: string): string {
  const [first = '', rest] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = first === '' ? [] : first.split(':');
  const missing = rest === undefined ? 0 : 8 - groups.length - (rest === '' ? 0 : rest.split(':').length);
  const all = [
    ...groups,
    ...Array<string>(missing).fill('0'),
    ...(rest === undefined || rest === '' ? [] : rest.split(':')),
  ];
  return new URL(`http://[${all.slice(0, 3).join(':')}::]`).hostname.slice(1, -1);
}

/** Matches recorded addresses and networks with an address or a network. @returns undefined when the text is neither */
export function addressFilter(text: string): ((recorded: string) => boolean) | undefined {
  const wanted = parse(text);
  if (!wanted) return undefined;
  const list = listOf(wanted);
  return (recorded) => {
    const found = parse(recorded);
    if (!found) return false;
    if (list.check(found.address, found.family)) return true;
    // A recorded network may contain the address.
    return recorded.includes('/') && listOf(found).check(wanted.address, wanted.family);
  };
}

interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly bits: number;
}

function parse(text: string): Network | undefined {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return undefined;
  const max = version === 4 ? 32 : 128;
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= max)) return undefined;
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', bits: bits === undefined ? max : Number(bits) };
}

function listOf({ address, family, bits }: Network): BlockList {
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return list;
}
