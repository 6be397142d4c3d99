import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { writeDistributionLayout } from './distribution-layout.ts';
import type { Images } from './images.ts';
import { freePort, RunningProcess, waitForPort } from './processes.ts';
import { findProgram, LAYOVER_MAIN, programEnvironment } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A real registry process that holds images, without auth and without tricks: those are {@link Hub}'s. */
export interface RegistryBackend extends AsyncDisposable {
  readonly url: string;
  /** `rootdirectory` of its filesystem driver. */
  readonly rootDirectory: string;
  readonly program: 'docker-registry' | 'layover';
}

/** Debian's `docker-registry` when there is one, else Layover as a plain registry, which is said on stderr. */
export async function startRegistryBackend(images: Images): Promise<RegistryBackend> {
  const directory = await temporaryDirectory();
  const rootDirectory = join(directory.path, 'registry');
  await writeDistributionLayout(rootDirectory, images);
  const found = await findProgram('docker-registry');
  if (found === undefined) sayOnce();
  const [command, ...args] = found ? [found] : [process.execPath, LAYOVER_MAIN];
  const { process: server, port } = await serve([command, ...args, 'serve'], directory.path, rootDirectory);
  return {
    url: `http://127.0.0.1:${port}`,
    rootDirectory,
    program: found ? 'docker-registry' : 'layover',
    async [Symbol.asyncDispose]() {
      await server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

let said = false;

function sayOnce(): void {
  if (!said) console.warn('docker-registry is missing: Layover itself stands in as the upstream registry');
  said = true;
}

/** Starts `command CONFIG` and waits until it listens; once more on another port if somebody took the first. */
async function serve([command, ...args]: [string, ...string[]], directory: string, rootDirectory: string) {
  const configFile = join(directory, 'config.yml');
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    await writeFile(configFile, stringify(backendConfig(rootDirectory, port)));
    const process = await RunningProcess.start(command, [...args, configFile], { env: programEnvironment() });
    try {
      await waitForPort(port, process);
      return { process, port };
    } catch (err) {
      await process.stop();
      if (attempt === 3) throw err;
    }
  }
}

function backendConfig(rootdirectory: string, port: number) {
  return {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
}
