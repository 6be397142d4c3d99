import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { Images } from '../support/images.ts';
import { type RegistryBackend, startRegistryBackend } from '../support/registry-backend.ts';
import { runLayover, type RunOptions } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Two registries and a directory, in which `layover image` runs and knows no credentials. */
export async function startScene(images: Images) {
  const directory = await temporaryDirectory();
  const from = await startRegistryBackend(images);
  const to = await startRegistryBackend(new Images());
  return {
    path: directory.path,
    /** `host:port` */
    from: hostOf(from),
    to: hostOf(to),
    toUrl: to.url,
    image: (args: readonly string[], options: RunOptions = {}) => runImage(directory.path, args, options),
    async [Symbol.asyncDispose]() {
      for (const one of [from, to, directory]) await one[Symbol.asyncDispose]();
    },
  };
}

export function runImage(cwd: string, args: readonly string[], { env, ...options }: RunOptions = {}) {
  const noCredentials = { DOCKER_CONFIG: join(cwd, 'no-docker'), XDG_RUNTIME_DIR: join(cwd, 'no-podman') };
  return runLayover(['image', ...args], { cwd, env: { ...noCredentials, ...env }, ...options });
}

export function hostOf({ url }: Pick<RegistryBackend, 'url'>): string {
  return new URL(url).host;
}

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** The manifest of a reference, or undefined, straight from the registry. */
export async function manifestAt(registry: string, repository: string, reference: string): Promise<Buffer | undefined> {
  const response = await fetch(`${registry}/v2/${repository}/manifests/${reference}`, { headers: { accept: ACCEPT } });
  return response.status === 200 ? Buffer.from(await response.arrayBuffer()) : undefined;
}

export async function blobAt(registry: string, repository: string, digest: Digest): Promise<Buffer | undefined> {
  const response = await fetch(`${registry}/v2/${repository}/blobs/${digest}`);
  return response.status === 200 ? Buffer.from(await response.arrayBuffer()) : undefined;
}

/** Every file below a directory, sorted. */
export async function filesBelow(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** The blobs of a layout whose bytes are not what their name says. */
export async function damagedBlobs(layout: string): Promise<string[]> {
  const names = (await filesBelow(layout)).filter((name) => name.startsWith('blobs/sha256/'));
  const checked = await Promise.all(
    names.map(async (name) => [name, digestOf(await readFile(join(layout, name)))] as const),
  );
  return checked.filter(([name, digest]) => !name.endsWith(digest.slice('sha256:'.length))).map(([name]) => name);
}
