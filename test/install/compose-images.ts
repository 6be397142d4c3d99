import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { makeImage } from '../../scripts/packaging/make-image.ts';
import type { DockerDaemon } from '../clients/docker-daemon.ts';
import { findProgram, LAYOVER_MAIN } from '../support/programs.ts';
import { facts, OUT, ownArchitecture, ROOT } from './built-packages.ts';
import { importProgram } from './program-image.ts';

export const UPSTREAM = 'upstream:latest';
/** Has the bucket `images`. */
export const S3 = 's3:latest';

/** Ours, and those of programs of this machine under the names that the files have. */
export async function loadImages(daemon: DockerDaemon, versitygw?: string): Promise<void> {
  await daemon.docker('load', '--input', await imageArchive());
  await daemon.docker('tag', `layover:${facts.version}`, 'layover:latest');
  const programOf = async (name: string) => (await findProgram(name)) ?? name;
  const registry = await programOf('docker-registry');
  await importProgram(daemon, { name: UPSTREAM, program: registry, command: [registry, 'serve', '/etc/config.yml'] });
  const redis = await programOf('redis-server');
  await importProgram(daemon, { name: 'redis:7-alpine', program: redis, command: [redis], directories: ['/data'] });
  const nginx = await programOf('nginx');
  const directories = ['/var/log/nginx', '/var/lib/nginx', '/run', '/etc/nginx'];
  const command = [nginx, '-g', 'daemon off;'];
  await importProgram(daemon, { name: 'nginx:1.28-alpine', program: nginx, command, directories });
  if (versitygw === undefined) return;
  const serving = [versitygw, '--port', ':7070', 'posix', '/data'];
  await importProgram(daemon, { name: S3, program: versitygw, command: serving, directories: ['/data/images'] });
}

/** That of the test of the image, if the program was not built since; else a new one. */
async function imageArchive(): Promise<string> {
  if (ownArchitecture === undefined) throw new Error('no image for this architecture');
  const name = `layover-${facts.version}-linux-${ownArchitecture}.image.tar`;
  const made = join(OUT, 'image', name);
  if ((await modifiedAt(made)) > (await modifiedAt(LAYOVER_MAIN))) return made;
  const out = join(OUT, 'compose');
  await makeImage({ root: ROOT, architectures: [ownArchitecture], out, ...facts });
  return join(out, name);
}

/** Unix milliseconds; 0 when it does not exist. */
function modifiedAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
