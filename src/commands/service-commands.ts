import type { Command } from 'commander';

export interface ServiceCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: NodeJS.WritableStream;
  readonly end: (code: number) => void;
}

/** `serve`, `healthcheck`, and `config check|schema` */
export function addServiceCommands(program: Command, context: ServiceCommandsContext): void {
  addServe(program, context);
  addHealthcheck(program, context);
  addConfig(program, context);
}

function addServe(program: Command, { env, out, end }: ServiceCommandsContext): void {
  program
    .command('serve')
    .description('run the cache and registry')
    .argument(
      '[config.yml]',
      'configuration file (default: $REGISTRY_CONFIGURATION_PATH, or the built-in configuration)',
    )
    .addHelpText(
      'after',
      `
On SIGTERM or SIGINT, requests in progress get http.draintimeout to finish. Unfinished downloads resume after the next start.

  $ layover serve config/examples/docker-hub-mirror.yml
  $ REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/cache layover serve`,
    )
    .action(async (file: string | undefined) => {
      const { serve } = await import('./serve.ts');
      end(await serve({ file, env, out }));
    });
}

function addHealthcheck(program: Command, { env, out, end }: ServiceCommandsContext): void {
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
      const { healthcheck } = await import('./healthcheck.ts');
      end(await healthcheck({ file, url, env, out }));
    });
}

function addConfig(program: Command, { env, out, end }: ServiceCommandsContext): void {
  const config = program.command('config').description('validate a configuration, or print its schema');

  config
    .command('check')
    .description('validate a configuration and report every problem: exit code 0, or 1 when it is not valid')
    .argument(
      '[config.yml]',
      'configuration file (default: $REGISTRY_CONFIGURATION_PATH, or the built-in configuration)',
    )
    .option('--json', 'print JSON, with the whole configuration without secrets')
    .addHelpText(
      'after',
      '\n  $ layover config check config.yml\n  $ REGISTRY_PROXY_TTL=24h layover config check config.yml',
    )
    .action(async (file: string | undefined, { json = false }: { json?: boolean }) => {
      const { checkConfig } = await import('./config.ts');
      end(await checkConfig(file, env, { out, json }));
    });

  config
    .command('schema')
    .description('print the JSON schema of the configuration, for editors')
    .addHelpText(
      'after',
      '\n  $ layover config schema > layover.schema.json\n  # yaml-language-server: $schema=layover.schema.json',
    )
    .action(async () => {
      const { printConfigSchema } = await import('./config.ts');
      printConfigSchema(out);
    });
}
