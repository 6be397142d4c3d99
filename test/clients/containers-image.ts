import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Storage, credentials and settings for podman and buildah, apart from the machine's own. */
export async function containersSettings(mirror: string) {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  await mkdir(at('home'), { recursive: true });
  await writeFile(at('registries.conf'), registriesConf(new URL(mirror).host));
  await writeFile(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  await writeFile(at('auth.json'), '{}');
  await writeFile(
    at('storage.conf'),
    `[storage]\ndriver = "vfs"\nrunroot = "${at('run')}"\ngraphroot = "${at('root')}"\n`,
  );
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: at('home'),
    XDG_RUNTIME_DIR: at('home'),
    TMPDIR: directory.path,
    REGISTRY_AUTH_FILE: at('auth.json'),
    CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
  };
  const storage = ['--root', at('root'), '--runroot', at('run'), '--storage-driver', 'vfs'];
  return {
    at,
    env,
    policy: at('policy.json'),
    run: async (program: string, ...args: string[]) =>
      (await runProgram(program, [...storage, ...args], { env })).stdout,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** @see https://github.com/containers/image/blob/v5.23.1/docs/containers-registries.conf.5.md */
function registriesConf(mirrorHost: string): string {
  return `[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "${mirrorHost}/docker.io"
insecure = true
`;
}
