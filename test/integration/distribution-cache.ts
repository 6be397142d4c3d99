import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface DistributionCacheOptions {
  /** Path of `docker-registry`. */
  readonly program: string;
  readonly rootdirectory: string;
  /** Undefined: a plain registry on the directory, no cache. */
  readonly remoteurl?: string;
}

/** A real `docker-registry` on a directory; `await using` ends it, and then it has written down what it knows. */
export async function startDistribution({ program, rootdirectory, remoteurl }: DistributionCacheOptions) {
  const directory = await temporaryDirectory();
  const config = join(directory.path, 'config.yml');
  const port = await freePort();
  const settings = {
    version: 0.1,
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory } },
    // Without it the process ends before it writes its scheduler's state.
    http: { addr: `127.0.0.1:${port}`, draintimeout: '5s' },
    ...(remoteurl !== undefined && { proxy: { remoteurl } }),
  };
  await writeFile(config, stringify(settings));
  const process = await RunningProcess.start(program, ['serve', config], { env: programEnvironment() });
  await waitForPort(port, process);
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await process.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
