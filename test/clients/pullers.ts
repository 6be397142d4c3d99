import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';

import { HELLO_LINE } from '../support/hello-program.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startPodmanSettings } from './podman-settings.ts';
import type { Puller } from './push-client.ts';

/** Pulls and verifies every layer, and runs nothing. */
export const skopeoPuller: Puller = {
  programs: ['skopeo'],
  async pull(image) {
    await using directory = await temporaryDirectory();
    const target = join(directory.path, 'image');
    const from = ['--src-tls-verify=false', `docker://${image}`];
    await runProgram('skopeo', ['--insecure-policy', 'copy', ...from, `dir:${target}`]);
    return configOf(await readFile(join(target, 'manifest.json'), 'utf8'));
  },
};

/** Pulls, unpacks and runs it. */
export const podmanPuller: Puller = {
  programs: ['podman', 'runc'],
  async pull(image) {
    await using podman = await startPodmanSettings();
    await podman.run('pull', '--tls-verify=false', '--signature-policy', podman.policy, image);
    expect((await podman.runImage(image)).trim()).toBe(HELLO_LINE);
    return `sha256:${(await podman.run('image', 'inspect', '--format', '{{.Id}}', image)).trim()}`;
  },
};

function configOf(manifest: string): string {
  return (JSON.parse(manifest) as { config: { digest: string } }).config.digest;
}
