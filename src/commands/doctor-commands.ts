import type { Command } from 'commander';

import type { ProgressOutput } from './progress-bar.ts';

export interface DoctorCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: ProgressOutput;
  readonly end: (code: number) => void;
}

interface DoctorCommandOptions {
  readonly server?: string;
  readonly pre?: true;
  readonly only?: string;
  readonly skip?: string;
  readonly json?: true;
  readonly strict?: true;
  readonly bundle?: string;
}

const HELP = `
Groups: config, process, storage, index (Redis), network, upstreams, server, clients. Each check has five seconds.
√ passed, ‼ warning, × failed, - does not apply. A failure has its reason, what to do, and the section of the documents.

Exit code: 0, 1 when a check failed, 2 for warnings with --strict. No secret is printed.

  $ layover doctor config.yml
  $ layover doctor --pre config.yml              before there is a server
  $ layover doctor --only storage,upstreams config.yml
  $ layover doctor --server https://cache.example.com --only server,clients
  $ layover doctor --bundle report.tgz config.yml    for a bug report: results and the configuration without secrets`;

/** `doctor`: finds out why the cache, or a client of it, does not work. */
export function addDoctorCommand(program: Command, { env, out, end }: DoctorCommandsContext): void {
  program
    .command('doctor')
    .description('check configuration, machine, storage, Redis, upstreams, server and clients, with what to do')
    .argument('[config.yml]', 'configuration file of the server (default: the same as for `serve`)')
    .option('--server <url>', 'address of the server (default: the one in the configuration)')
    .option('--pre', 'before there is a server: without the groups about it')
    .option('--only <groups>', 'with commas')
    .option('--skip <groups>', 'with commas')
    .option('--json', 'print JSON')
    .option('--strict', 'exit with 2 when there are warnings')
    .option('--bundle <file>', 'also write a .tgz with the results')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: DoctorCommandOptions) => {
      const { doctor } = await import('./doctor.ts');
      end(await doctor({ file, ...options, env, out }));
    });
}
