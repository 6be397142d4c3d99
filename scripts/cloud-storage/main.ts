// A local S3 store for development: `npm run cloud-storage -- start|stop|reset`, or `make start-cloud-storage` and so on.
// Runs tests/docker-compose-storage.yml where docker runs. Elsewhere it starts the S3 server that the tests use.
import { argv, env, stderr, stdout } from 'node:process';

import { ensureBucket } from './bucket.ts';
import { chooseLauncher, type Launcher } from './launchers.ts';
import { readSettings, registryCommand, type Settings } from './settings.ts';

const USAGE = 'usage: npm run cloud-storage -- start|stop|reset';

/** How long the server may take to accept requests. */
const READY_TIMEOUT_MS = 60_000;

async function start(launcher: Launcher, settings: Settings): Promise<void> {
  await launcher.start();
  await ensureBucket(settings, AbortSignal.timeout(READY_TIMEOUT_MS));
  stdout.write(
    `S3 store at ${settings.endpoint}, bucket ${settings.bucket} (${launcher.name})\n${registryCommand(settings)}\n`,
  );
}

async function run(command: string | undefined): Promise<number> {
  const settings = readSettings(env);
  const launcher = await chooseLauncher(settings, env);
  switch (command) {
    case 'start':
      await start(launcher, settings);
      return 0;
    case 'stop':
      await launcher.stop();
      stdout.write('S3 store stopped\n');
      return 0;
    case 'reset':
      await launcher.remove();
      await start(launcher, settings);
      return 0;
    default:
      stderr.write(`${USAGE}\n`);
      return 2;
  }
}

try {
  process.exitCode = await run(argv[2]);
} catch (err) {
  stderr.write(`cloud-storage: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
}
