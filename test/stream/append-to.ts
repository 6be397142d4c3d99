import type { Spool } from '../../src/stream/spool.ts';

/** Resolves when the bytes are on disk. */
export async function appendTo(spool: Spool, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const memory = await spool.memory();
    const part = bytes.subarray(offset, offset + memory.length);
    memory.set(part);
    spool.received(part.length);
    offset += part.length;
  }
  await spool.flush();
}
