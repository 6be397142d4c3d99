#!/usr/bin/env -S node --max-semi-space-size=4
// A command loads its modules when it runs: a health check every ten seconds must not cost as much as the start of a server.
// The flag (MiB) keeps a busy process some 40 MB smaller, without measurable cost. It works on the command line only.
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

// `make binaries` sets it in bin/registry, because node makes argv[1] absolute.
const invokedAs = processEnvironment['LAYOVER_INVOKED_AS'] ?? argv[1] ?? 'layover';
const name = basename(invokedAs)
  .replace(/\.[jt]s$/, '')
  .replace(/^main$/, 'layover');
const program = new Command(name);

program
  .description('Pull-through cache and registry for container images')
  .version(name === 'registry' ? versionLine(invokedAs) : `layover ${VERSION}`, '-v, --version', 'print the version')
  .showHelpAfterError('(see --help)')
  .addHelpText(
    'after',
    `
Without a configuration file, Layover caches docker.io, ghcr.io, quay.io, registry.k8s.io, gcr.io, mcr.microsoft.com
and public.ecr.aws on port 5000, and stores content in ./data:

  $ layover serve
  $ docker pull localhost:5000/docker.io/library/alpine

Environment variables override every key of the file, such as REGISTRY_HTTP_ADDR=:8080 for http.addr.`,
  );

program
  .command('serve')
  .description('run the cache and registry')
  .argument('[config.yml]', 'configuration file (default: $REGISTRY_CONFIGURATION_PATH, or the built-in configuration)')
  .addHelpText(
    'after',
    `
On SIGTERM or SIGINT, requests in progress get http.draintimeout to finish. Unfinished downloads resume after the next start.

  $ layover serve config/examples/docker-hub-mirror.yml
  $ REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/cache layover serve`,
  )
  .action(async (file: string | undefined) => {
    const { serve } = await import('./commands/serve.ts');
    end(await serve({ file, env: processEnvironment, out: stdout }));
  });

program
  .command('healthcheck')
  .description('check that the running server is ready: exit code 0, otherwise 1')
  .argument('[config.yml]', 'configuration file of the server (default: the same as for `serve`)')
  .option('--url <url>', 'page to request (default: /readyz of the debug server, or else of the registry)')
  .addHelpText(
    'after',
    `
The page must respond with a status of 2xx within 4 seconds. Made for containers without curl:

  HEALTHCHECK CMD ["layover", "healthcheck"]

  $ layover healthcheck config.yml
  $ layover healthcheck --url http://localhost:5001/livez`,
  )
  .action(async (file: string | undefined, { url }: { url?: string }) => {
    const { healthcheck } = await import('./commands/healthcheck.ts');
    end(await healthcheck({ file, url, env: processEnvironment, out: stdout }));
  });

const config = program.command('config').description('validate a configuration, or print its schema');

config
  .command('check')
  .description('validate a configuration and report every problem: exit code 0, or 1 when it is not valid')
  .argument('[config.yml]', 'configuration file (default: $REGISTRY_CONFIGURATION_PATH, or the built-in configuration)')
  .addHelpText(
    'after',
    '\n  $ layover config check config.yml\n  $ REGISTRY_PROXY_TTL=24h layover config check config.yml',
  )
  .action(async (file: string | undefined) => {
    const { checkConfig } = await import('./commands/config.ts');
    end(await checkConfig(file, processEnvironment, stdout));
  });

config
  .command('schema')
  .description('print the JSON schema of the configuration, for editors')
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
  // Like distribution's `registry`, which exits with 0.
  if (name === 'registry' && argv.length === 2) program.help();
  await program.parseAsync();
} catch (err) {
  stderr.write(err instanceof ConfigError ? `${err.message}\n` : `layover: ${reasonOf(err)}\n`);
  exit(1);
}

/** One line for a failure that an operator can act on; the stack for an internal error. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  const { code, message, stack } = err as NodeJS.ErrnoException;
  return code === undefined ? (stack ?? message) : message;
}
