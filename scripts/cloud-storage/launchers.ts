import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { ROOT, serverLauncher } from './server-launcher.ts';
import type { Settings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Starts and stops the S3 server. */
export interface Launcher {
  readonly name: string;
  /** Does nothing when the server runs already. */
  readonly start: () => Promise<void>;
  /** Does nothing when the server does not run. Keeps the content. */
  readonly stop: () => Promise<void>;
  /** Stops the server and removes the content. */
  readonly remove: () => Promise<void>;
}

/** Compose where `COMPOSE` names a command for it or docker runs; else the server of the tests. */
export async function chooseLauncher(settings: Settings, env: Environment): Promise<Launcher> {
  const server = serverLauncher(settings);
  // Started before docker was there: it has to be stopped like it was started.
  if (await server.isRunning()) return server;
  const compose = env['COMPOSE']?.trim() || (dockerRuns() ? 'docker compose' : undefined);
  return compose === undefined ? server : composeLauncher(compose, settings, env);
}

function dockerRuns(): boolean {
  const succeeds = (args: readonly string[]) =>
    spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return succeeds(['compose', 'version']) && succeeds(['info']);
}

function composeLauncher(compose: string, settings: Settings, env: Environment): Launcher {
  const [command = '', ...before] = compose.split(/\s+/);
  const file = join(ROOT, 'tests/docker-compose-storage.yml');
  const { port, accessKey, secretKey } = settings;
  const variables = { ...env, S3_PORT: String(port), AWS_ACCESS_KEY: accessKey, AWS_SECRET_KEY: secretKey };
  const run = (...args: readonly string[]) => runToEnd(command, [...before, '-f', file, ...args], variables);
  return {
    name: compose,
    start: () => run('up', '-d'),
    stop: () => run('down'),
    remove: () => run('down', '--volumes'),
  };
}

/** @throws {Error} when the command does not exit with 0 */
async function runToEnd(command: string, args: readonly string[], env: Environment): Promise<void> {
  const child = spawn(command, args, { stdio: 'inherit', env });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')}: exit code ${String(code)}`);
}
