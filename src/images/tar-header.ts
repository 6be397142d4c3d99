const BLOCK_BYTES = 512;
/** Two empty blocks. */
export const TAR_END_BYTES = 2 * BLOCK_BYTES;
const MAX_NAME_BYTES = 100;
/** The largest number of eleven octal digits. */
const MAX_SIZE_BYTES = 0o77777777777;
const CHECKSUM = { offset: 148, length: 8 };

/**
 * The blocks before the content of a file. All files have the same time, owner and mode, so the same content always gives the same archive.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13 ustar and pax
 */
export function tarHeader(path: string, size: number): Buffer {
  const isLong = Buffer.byteLength(path) > MAX_NAME_BYTES;
  const isLarge = size > MAX_SIZE_BYTES;
  const plain = ustarHeader(path.slice(0, MAX_NAME_BYTES), isLarge ? 0 : size, '0');
  if (!isLong && !isLarge) return plain;
  const records = Buffer.from(`${isLong ? paxRecord('path', path) : ''}${isLarge ? paxRecord('size', `${size}`) : ''}`);
  const padding = Buffer.alloc(tarPadding(records.length));
  return Buffer.concat([ustarHeader('PaxHeader', records.length, 'x'), records, padding, plain]);
}

/** Bytes after the content of a file. */
export function tarPadding(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

function ustarHeader(name: string, size: number, type: '0' | 'x'): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(`${'0'.repeat(11)}\0`, 136);
  header.write(' '.repeat(CHECKSUM.length), CHECKSUM.offset);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM.offset);
  return header;
}

/** Its length counts the digits of the length, too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}
