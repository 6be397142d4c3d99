import { basename } from 'node:path';

import { Command, CommanderError } from 'commander';

import { ConfigError } from '../config/problem.ts';
import { VERSION, versionLine } from '../version.ts';
import { addAccessCommands } from './access-commands.ts';
import { addAuditCommands } from './audit-commands.ts';
import { addBudgetCommand } from './budget-commands.ts';
import { addBundleCommands } from './bundle-commands.ts';
import { addCacheCommands } from './cache-commands.ts';
import { addCheckCommand } from './check-commands.ts';
import { addDoctorCommand } from './doctor-commands.ts';
import { entryArguments } from './entry-arguments.ts';
import { addGarbageCollect } from './garbage-collect.ts';
import { addImageCommands } from './image-commands.ts';
import { addJobCommands } from './job-commands.ts';
import { addLockCommands } from './lock-commands.ts';
import { addOpenCommand } from './open-commands.ts';
import { addPolicyCommands } from './policy-commands.ts';
import { addRecallCommands } from './recall-commands.ts';
import { addRecordCommands } from './record-commands.ts';
import { addServiceCommands } from './service-commands.ts';
import { addSetupCommand } from './setup-commands.ts';
import { addStatusCommands } from './status-commands.ts';
import { addSyncCommand } from './sync-commands.ts';
import { addToolCommands } from './tool-commands.ts';

export interface ProgramContext {
  /** Path by which the program was started; its name decides whether it behaves like distribution's `registry`. */
  readonly invokedAs: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/**
 * Runs one command. A command loads its modules when it runs: a health check every ten seconds must not cost as much as the start of a
 * server.
 *
 * @param args without the program
 * @returns the exit code
 */
export async function runProgram(args: readonly string[], context: ProgramContext): Promise<number> {
  let exitCode = 0;
  const program = createProgram(context, (code) => (exitCode = code));
  try {
    // Like distribution's `registry`, which exits with 0.
    if (program.name() === 'registry' && args.length === 0) program.help();
    if (COMPLETING.includes(args[0] ?? '')) await loadCompletion(program, args, context.env);
    await program.parseAsync(entryArguments(args), { from: 'user' });
    return exitCode;
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode;
    context.err.write(err instanceof ConfigError ? `${err.message}\n` : `layover: ${reasonOf(err)}\n`);
    return 1;
  }
}

/** They have all commands as words, and need a package that no other command does. */
const COMPLETING: readonly string[] = ['complete', 'completion'];

async function loadCompletion(program: Command, args: readonly string[], env: ProgramContext['env']): Promise<void> {
  const { addCompletion } = await import('./completion.ts');
  await addCompletion(program, args, env);
}

function createProgram({ invokedAs, env, stdin, out, err }: ProgramContext, end: (code: number) => void): Command {
  const name = basename(invokedAs).replace(/\.[jt]s$/, '');
  const program = new Command(name.replace(/^main$/, 'layover'));
  // Before the commands, which inherit both.
  program.exitOverride().configureOutput({ writeOut: (text) => out.write(text), writeErr: (text) => err.write(text) });
  program
    .description('Pull-through cache and registry for container images')
    .version(
      program.name() === 'registry' ? versionLine(invokedAs) : `layover ${VERSION}`,
      '-v, --version',
      'print the version',
    )
    .showHelpAfterError('(see --help)')
    .addHelpText(
      'after',
      `
Without a configuration file, Layover caches docker.io, ghcr.io, quay.io, registry.k8s.io, gcr.io, mcr.microsoft.com
and public.ecr.aws on port 5000, and stores content in ./data:

  $ layover serve
  $ docker pull localhost:5000/docker.io/library/alpine

"layover completion bash", zsh, fish or powershell prints a script that completes commands and names of images.

Environment variables override every key of the file, such as REGISTRY_HTTP_ADDR=:8080 for http.addr.`,
    );
  const context = { env, out, err, end };
  addServiceCommands(program, context);
  addSetupCommand(program, { ...context, stdin });
  addDoctorCommand(program, context);
  addCacheCommands(program, context);
  addStatusCommands(program, context);
  addOpenCommand(program, context);
  addBudgetCommand(program, context);
  addAuditCommands(program, context);
  addGarbageCollect(program, context);
  addImageCommands(program, context);
  addCheckCommand(program, context);
  addBundleCommands(program, context);
  addLockCommands(program, { ...context, stdin });
  addJobCommands(program, { ...context, stdin });
  addSyncCommand(program, context);
  addRecordCommands(program, context);
  addRecallCommands(program, context);
  addAccessCommands(program, context);
  addPolicyCommands(program, context);
  addToolCommands(program, { stdin, out, err, end });
  return program;
}

/** One line for a failure that an operator can act on; the stack for an internal error. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  const { code, message, stack } = err as NodeJS.ErrnoException;
  return code === undefined ? (stack ?? message) : message;
}
