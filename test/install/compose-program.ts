import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { DockerDaemon } from '../clients/docker-daemon.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { ROOT } from './built-packages.ts';

/** `docker compose`, or its predecessor; absent when this machine has neither. */
export async function findCompose(): Promise<readonly string[] | undefined> {
  const docker = await findProgram('docker');
  if (docker !== undefined) {
    const hasPlugin = await runProgram(docker, ['compose', 'version']).then(
      () => true,
      () => false,
    );
    if (hasPlugin) return [docker, 'compose'];
  }
  const old = await findProgram('docker-compose');
  return old === undefined ? undefined : [old];
}

export interface ComposeOptions {
  readonly daemon: DockerDaemon;
  readonly compose: readonly string[];
  /** Receives a copy of `packaging/`. */
  readonly directory: string;
  /** In `packaging/compose`. */
  readonly file: string;
  /** A compose file that is merged over it. */
  readonly override: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Containers of one file of `packaging/compose`, with its ports on free ports of loopback. */
export class ComposeProject implements AsyncDisposable {
  readonly #run: (...args: readonly string[]) => Promise<string>;

  private constructor(run: (...args: readonly string[]) => Promise<string>) {
    this.#run = run;
  }

  /** @throws {Error} with the output of compose, when it does not start them */
  static async up({ daemon, compose, directory, file, override, env }: ComposeOptions): Promise<ComposeProject> {
    await cp(join(ROOT, 'packaging'), directory, { recursive: true });
    const [path, overridePath] = [join(directory, 'compose', file), join(directory, 'compose/override.yml')];
    await writeFile(path, onFreePorts(await readFile(path, 'utf8')));
    await writeFile(overridePath, override);
    const [program = '', ...before] = compose;
    const options = [...before, '--file', path, '--file', overridePath, '--project-name', 'layover-test'];
    const environment = { PATH: process.env['PATH'], HOME: directory, DOCKER_HOST: daemon.host, ...env };
    const project = new ComposeProject(
      async (...args) => (await runProgram(program, [...options, ...args], { env: environment })).stdout,
    );
    await project.#run('up', '-d').catch(async (err: unknown) => {
      await project[Symbol.asyncDispose]();
      throw err;
    });
    return project;
  }

  /** @returns `host:port` on this machine */
  async address(service: string, port: number): Promise<string> {
    return (await this.#run('port', service, String(port))).trim();
  }

  exec(service: string, ...command: readonly string[]): Promise<string> {
    return this.#run('exec', '-T', service, ...command);
  }

  logs(service: string): Promise<string> {
    return this.#run('logs', '--no-color', service);
  }

  stop(service: string): Promise<string> {
    return this.#run('stop', '--timeout', '40', service);
  }

  recreate(service: string): Promise<string> {
    return this.#run('up', '-d', '--no-deps', '--force-recreate', service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run('down', '--volumes', '--timeout', '40');
  }
}

/** `"5000:5000"` and `"127.0.0.1:5001:5001"` take a free port, on loopback alone. */
function onFreePorts(text: string): string {
  return text.replaceAll(/- "(?:[\d.]+:)?\d+:(\d+)"/g, '- "127.0.0.1::$1"');
}
