import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { RunningProcess, runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface ContainerdDaemon extends AsyncDisposable {
  /** Path of something in the daemon's own directory. */
  readonly at: (name: string) => string;
  /** @returns what the client printed. @throws {Error} with its output */
  readonly ctr: (...args: readonly string[]) => Promise<string>;
}

/** A containerd apart from the machine's own. */
export async function startContainerdDaemon(): Promise<ContainerdDaemon> {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  await writeFile(at('config.toml'), configOf(at));
  const daemon = await RunningProcess.start('containerd', ['--config', at('config.toml')]);
  const dispose = async () => {
    await daemon.stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    await daemon.waitForOutput(/containerd successfully booted/);
  } catch (err) {
    await dispose();
    throw err;
  }
  const own = ['--address', at('containerd.sock'), '--namespace', 'test'];
  return {
    at,
    ctr: async (...args) => (await runProgram('ctr', [...own, ...args])).stdout,
    [Symbol.asyncDispose]: dispose,
  };
}

function configOf(at: (name: string) => string): string {
  return `version = 2
root = "${at('root')}"
state = "${at('state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${at('containerd.sock')}"
[ttrpc]
  address = "${at('containerd.sock.ttrpc')}"
`;
}
