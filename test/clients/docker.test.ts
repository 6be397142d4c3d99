import { join } from 'node:path';

import { RunningProcess, runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({
  name: 'dockerd with registry-mirrors',
  programs: ['dockerd', 'docker', 'containerd', 'runc'],
  start: startDocker,
});

/** A daemon apart from the machine's own, with nothing set but `registry-mirrors`. */
async function startDocker(mirror: string): Promise<PullClient> {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  const socket = `unix://${at('docker.sock')}`;
  const own = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('docker.pid'), '-H', socket];
  const offline = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
  const daemon = await RunningProcess.start((await findProgram('dockerd')) ?? 'dockerd', [
    ...own,
    ...offline,
    '--registry-mirror',
    mirror,
  ]);
  // Credentials and contexts of whoever runs this stay out of it.
  const docker = async (...args: string[]) =>
    (await runProgram('docker', ['--config', at('config'), '-H', socket, ...args])).stdout;
  const dispose = async () => {
    await daemon.stop({ timeoutMs: 30_000 });
    await directory[Symbol.asyncDispose]();
  };
  try {
    await daemon.waitForOutput(/API listen on/);
  } catch (err) {
    await dispose();
    throw err;
  }
  return {
    pull: async (image) => void (await docker('pull', image)),
    remove: async (image) => void (await docker('rmi', image)),
    run: (image) => docker('run', '--rm', '--network=none', image),
    [Symbol.asyncDispose]: dispose,
  };
}
