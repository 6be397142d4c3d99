import { copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { DockerDaemon } from '../clients/docker-daemon.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface ProgramImage {
  /** What the image is called afterwards. */
  readonly name: string;
  /** Path of a program of this machine. */
  readonly program: string;
  /** What runs without a command. */
  readonly command: readonly string[];
  /** Directories that the program expects. Absolute. */
  readonly directories?: readonly string[];
}

/** Users that programs change to. */
const PASSWD = 'root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n';
const GROUP = 'root:x:0:\nnogroup:x:65534:\nnobody:x:65534:\n';

/** Makes an image of one program and its libraries: where the tests run, no registry with images of others can be reached. */
export async function importProgram(daemon: DockerDaemon, image: ProgramImage): Promise<void> {
  await using directory = await temporaryDirectory();
  const [root, archive] = [join(directory.path, 'root'), join(directory.path, 'image.tar')];
  for (const path of ['/etc', '/tmp', ...(image.directories ?? [])]) await mkdir(join(root, path), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), PASSWD);
  await writeFile(join(root, 'etc/group'), GROUP);
  for (const file of [image.program, ...(await librariesOf(image.program))]) await copyInto(root, file);
  await runProgram('tar', ['-C', root, '-cf', archive, '.']);
  const changes = ['--change', `CMD ${JSON.stringify(image.command)}`, '--change', 'ENV PATH=/usr/sbin:/usr/bin:/bin'];
  await daemon.docker('import', ...changes, archive, image.name);
}

/** Absolute paths, the dynamic linker included. None for a static program. */
async function librariesOf(program: string): Promise<string[]> {
  const output = await runProgram('ldd', [program]).then(
    ({ stdout }) => stdout,
    () => '',
  );
  return [...output.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? '');
}

/** At the same path, without links. */
async function copyInto(root: string, file: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await copyFile(await realpath(file), join(root, file));
}
