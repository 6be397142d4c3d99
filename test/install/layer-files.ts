import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

export interface LayerFile {
  readonly mode: number;
  readonly uid: number;
  readonly linkname: string | undefined;
  /** The first bytes of a file. */
  readonly head: Buffer;
}

interface Parts {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** What an OCI layout has under a digest. */
export async function readJson(layout: string, digest: string): Promise<unknown> {
  return JSON.parse(await readFile(blobPath(layout, digest), 'utf8')) as unknown;
}

/** Path → file, over all layers of a manifest. */
export async function filesOfImage(layout: string, manifest: string): Promise<Map<string, LayerFile>> {
  const files = new Map<string, LayerFile>();
  const { layers } = (await readJson(layout, manifest)) as Parts;
  for (const { digest } of layers) await readLayer(blobPath(layout, digest), files);
  return files;
}

async function readLayer(path: string, files: Map<string, LayerFile>): Promise<void> {
  const tar = extract();
  const read = (async () => {
    for await (const entry of tar) {
      let head = Buffer.alloc(0);
      for await (const chunk of entry) if (head.length === 0) head = Buffer.from(chunk as Buffer).subarray(0, 64);
      const { name, mode, uid, linkname } = entry.header;
      files.set(name.replace(/\/$/, ''), { mode, uid, linkname: linkname ?? undefined, head });
    }
  })();
  await Promise.all([pipeline(createReadStream(path), createGunzip(), tar), read]);
}

function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'));
}
