import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { freePort, RunningProcess, waitForPort } from './processes.ts';
import { programEnvironment } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Keys of its configuration file. */
type RegistryConfig = Readonly<Record<string, unknown>>;

/** Attempts: another program can take the port in between. */
const MAX_ATTEMPTS = 3;

export interface DockerRegistry extends AsyncDisposable {
  readonly url: string;
  /** Everything that it has written. */
  readonly output: string;
}

/**
 * Starts `docker-registry serve` on a free port of loopback; `await using` ends it.
 *
 * @param command the program, and its arguments before `serve`
 * @param config its configuration, without `version` and `http.addr`
 * @throws {Error} with its output, when it does not come to listen
 */
export async function startDockerRegistry(
  command: string | readonly string[],
  config: RegistryConfig,
  { env = programEnvironment() }: { readonly env?: NodeJS.ProcessEnv } = {},
) {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'config.yml');
  const [program = '', ...args] = [command].flat();
  try {
    const { process, port } = await serveOnFreePort([program, ...args, 'serve', file], {
      env,
      configure: (addr) => writeFile(file, stringify(withAddress(config, addr))),
    });
    return {
      url: `http://127.0.0.1:${port}`,
      get output() {
        return process.output;
      },
      async [Symbol.asyncDispose]() {
        await process.stop();
        await directory[Symbol.asyncDispose]();
      },
    } satisfies DockerRegistry;
  } catch (err) {
    await directory[Symbol.asyncDispose]();
    throw err;
  }
}

/** The same on a directory that it may share with others; deletes are allowed unless `config.storage` replaces that. */
export function startDockerRegistryOn(program: string, rootdirectory: string, config: RegistryConfig = {}) {
  const more = isObject(config.storage) ? config.storage : { delete: { enabled: true } };
  return startDockerRegistry(program, { ...config, storage: { filesystem: { rootdirectory }, ...more } });
}

interface ServeOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Writes the configuration for an address. */
  readonly configure: (addr: string) => Promise<void>;
}

async function serveOnFreePort([program, ...args]: [string, ...string[]], { env, configure }: ServeOptions) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    await configure(`127.0.0.1:${port}`);
    const process = await RunningProcess.start(program, args, { env });
    try {
      await waitForPort(port, process);
      return { process, port };
    } catch (err) {
      await process.stop();
      if (attempt === MAX_ATTEMPTS) throw err;
    }
  }
}

function withAddress({ http, ...config }: RegistryConfig, addr: string): RegistryConfig {
  return { version: 0.1, log: { level: 'warn' }, ...config, http: { addr, ...(isObject(http) && http) } };
}

function isObject(value: unknown): value is RegistryConfig {
  return typeof value === 'object' && value !== null;
}
