import { join } from 'node:path';

import { RunningProcess, runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface DockerDaemon extends AsyncDisposable {
  /** @returns what the client printed. @throws {Error} with its output */
  readonly docker: (...args: readonly string[]) => Promise<string>;
  /** For `DOCKER_HOST`. */
  readonly host: string;
  /** Has it read its configuration again. */
  readonly reload: () => void;
}

/** A daemon apart from the machine's own. Registries on loopback may speak plain HTTP, which is Docker's own rule. */
export async function startDockerDaemon(options: readonly string[] = []): Promise<DockerDaemon> {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  const socket = `unix://${at('docker.sock')}`;
  const own = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('docker.pid'), '-H', socket];
  const offline = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
  const daemon = await RunningProcess.start((await findProgram('dockerd')) ?? 'dockerd', [
    ...own,
    ...offline,
    ...options,
  ]);
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
    host: socket,
    reload: () => daemon.kill('SIGHUP'),
    // Credentials and contexts of whoever runs this stay out of it.
    docker: async (...args) => (await runProgram('docker', ['--config', at('config'), '-H', socket, ...args])).stdout,
    [Symbol.asyncDispose]: dispose,
  };
}
