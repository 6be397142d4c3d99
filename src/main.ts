#!/usr/bin/env -S node --max-semi-space-size=4
// What a command needs is loaded when it is run: a health check every ten seconds is not to cost what a server does to start.
// The flag (MiB) keeps a busy process some 40 MB smaller, at no cost that could be measured; it works only on the command line.
import { basename } from 'node:path';
import { argv, exit, stderr, stdin, stdout } from 'node:process';

import { Command } from 'commander';

import { addCacheCommands } from './commands/cache-commands.ts';
import { addGarbageCollect } from './commands/garbage-collect.ts';
import { addImageCommands } from './commands/image-commands.ts';
import { addToolCommands } from './commands/tool-commands.ts';
import { ConfigError } from './config/problem.ts';
import { processEnvironment } from './config/process-environment.ts';
import { VERSION, versionLine } from './version.ts';

// `make binaries` sets it in bin/registry, as node makes argv[1] absolute.
const invokedAs = processEnvironment['LAYOVER_INVOKED_AS'] ?? argv[1] ?? 'layover';
const name = basename(invokedAs)
  .replace(/\.[jt]s$/, '')
  .replace(/^main$/, 'layover');
const program = new Command(name);

program
  .description('Pull-through cache and registry for container images')
  .version(name === 'registry' ? versionLine(invokedAs) : `layover ${VERSION}`, '-v, --version', 'print the version')
  .showHelpAfterError('(add --help for what is possible)')
  .addHelpText(
    'after',
    `
Without a configuration it serves docker.io, ghcr.io, quay.io, registry.k8s.io, gcr.io, mcr.microsoft.com and
public.ecr.aws on port 5000, and stores under ./data:

  $ layover serve
  $ docker pull localhost:5000/docker.io/library/alpine

Every key of the configuration can be set by the environment, such as REGISTRY_HTTP_ADDR=:8080.`,
  );

program
  .command('serve')
  .description('start the service')
  .argument('[config.yml]', 'configuration; else REGISTRY_CONFIGURATION_PATH, else the built-in default')
  .addHelpText(
    'after',
    `
SIGTERM and SIGINT let running answers finish (http.draintimeout) and keep unfinished downloads for the next start.

  $ layover serve config/examples/docker-hub-mirror.yml
  $ REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/cache layover serve`,
  )
  .action(async (file: string | undefined) => {
    const { serve } = await import('./commands/serve.ts');
    end(await serve({ file, env: processEnvironment, out: stdout }));
  });

program
  .command('healthcheck')
  .description('ask the running service whether it is ready; the exit code says so')
  .argument('[config.yml]', 'configuration of the service; else as `serve` finds it')
  .option('--url <url>', 'ask this page instead of /readyz on the debug server or the registry')
  .addHelpText(
    'after',
    `
For containers, whose image has no curl:

  HEALTHCHECK CMD ["layover", "healthcheck"]`,
  )
  .action(async (file: string | undefined, { url }: { url?: string }) => {
    const { healthcheck } = await import('./commands/healthcheck.ts');
    end(await healthcheck({ file, url, env: processEnvironment, out: stdout }));
  });

const config = program.command('config').description('check a configuration, or describe what can be in one');

config
  .command('check')
  .description('read a configuration as `serve` would, and tell everything that is wrong with it')
  .argument('[config.yml]', 'configuration; else REGISTRY_CONFIGURATION_PATH, else the built-in default')
  .action(async (file: string | undefined) => {
    const { checkConfig } = await import('./commands/config.ts');
    end(await checkConfig(file, processEnvironment, stdout));
  });

config
  .command('schema')
  .description('print the JSON schema, for editors')
  .addHelpText(
    'after',
    '\n  $ layover config schema > layover.schema.json\n  # yaml-language-server: $schema=layover.schema.json',
  )
  .action(async () => {
    const { printConfigSchema } = await import('./commands/config.ts');
    printConfigSchema(stdout);
  });

const context = { env: processEnvironment, out: stdout, err: stderr, end };
addCacheCommands(program, context);
addGarbageCollect(program, context);
addImageCommands(program, context);
addToolCommands(program, { stdin, out: stdout, err: stderr, end });

function end(code: number): void {
  exit(code);
}

try {
  // Like distribution's, which exits with 0.
  if (name === 'registry' && argv.length === 2) program.help();
  await program.parseAsync();
} catch (err) {
  stderr.write(err instanceof ConfigError ? `${err.message}\n` : `layover: ${reasonOf(err)}\n`);
  exit(1);
}

/** What an operator can act on, in one line; the stack only for what is a fault of ours. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  const { code, message, stack } = err as NodeJS.ErrnoException;
  return code === undefined ? (stack ?? message) : message;
}
