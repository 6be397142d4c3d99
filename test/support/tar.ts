const BLOCK = 512;

export interface TarFile {
  /** At most 100 bytes. */
  readonly path: string;
  /** Default 0644. */
  readonly mode?: number;
  readonly content: Uint8Array;
}

/** A ustar archive of regular files, the same bytes every time. */
export function tarArchive(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap(({ path, mode, content }) => [
    tarHeader({ path, size: content.length, ...(mode !== undefined && { mode }) }),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 ustar */
export function tarHeader({ path, size, mode = 0o644 }: { path: string; size: number; mode?: number }): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(path, 0);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108); // user
  header.write(octal(0, 7), 116); // group
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136); // time
  header.write('        ', 148); // the checksum counts itself as blanks
  header.write('0', 156); // regular file
  header.write('ustar\x0000', 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
