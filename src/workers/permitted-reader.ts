import { open } from 'node:fs/promises';

import type { Descriptor } from '../oci/descriptor.ts';
import type { Manifest, OpenBlob, RegistryReader, Served } from '../registry/registry.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import { type ByteSource, MemorySource } from '../stream/byte-source.ts';
import { FileSource } from '../stream/file-source.ts';
import type { Permitted } from './permits.ts';

/**
 * Opens the bytes of permitted content. At once when they are in memory.
 *
 * @returns undefined when the file is not there any more, or is another one
 */
export function openContent(
  { content: { source, size } }: Permitted,
  buffers: BufferPool,
): ByteSource | Promise<ByteSource | undefined> {
  return 'bytes' in source ? new MemorySource(source.bytes) : openFile(source.file, size, buffers);
}

async function openFile(path: string, size: number, buffers: BufferPool): Promise<ByteSource | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  const info = await file?.stat();
  if (file && info?.isFile() && info.size === size) return new FileSource({ file, size, path, buffers });
  await file?.close();
  return undefined;
}

/** Permitted content as a registry that has nothing else. @param opened absent for a request that needs no bytes */
export function readerOf(permitted: Permitted, opened: ByteSource | undefined): RegistryReader {
  const { content, upstream } = permitted;
  const { digest, mediaType, size } = content;
  const described: Served<Descriptor> = { digest, mediaType, size, outcome: 'HIT', upstream };
  return {
    resolveManifest: async () => described,
    getManifest: async (): Promise<Served<Manifest>> => ({ ...described, bytes: bytesOf(content) }),
    resolveBlob: async () => described,
    openBlob: async (): Promise<Served<OpenBlob>> => {
      if (!opened) throw new Error('the blob is not open');
      return { ...described, source: opened };
    },
    redirectBlob: () => undefined,
  };
}

function bytesOf({ source }: Permitted['content']): Buffer {
  if ('bytes' in source) return source.bytes as Buffer;
  throw new Error('a manifest is in memory');
}
