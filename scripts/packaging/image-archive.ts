import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { layoutIndex, type WrittenImage } from './oci-layout.ts';
import { copied, type Entry, file } from './tree.ts';

/**
 * One image as an archive that `docker load`, `podman load` and `skopeo` read: an OCI layout that has Docker's `manifest.json` too.
 *
 * @param layout the directory that the image was written to
 */
export async function archiveEntries(
  { manifest, config, layers }: WrittenImage,
  layout: string,
  version: string,
): Promise<Entry[]> {
  const name = `layover:${version}`;
  const blobs = [manifest.digest, config.digest, ...layers.map(({ digest }) => digest)].map(pathOf);
  const docker = [{ Config: pathOf(config.digest), RepoTags: [name], Layers: layers.map((it) => pathOf(it.digest)) }];
  return [
    file('oci-layout', await readFile(join(layout, 'oci-layout'))),
    file('index.json', layoutIndex(manifest, name)),
    file('manifest.json', JSON.stringify(docker)),
    ...blobs.map((path) => copied(path, join(layout, path))),
  ];
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
