import { runCommand } from '../packaging/run-command.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Commands {
  readonly git: (...args: readonly string[]) => Promise<string>;
  readonly npm: (...args: readonly string[]) => Promise<string>;
}

/** Programs that run in a directory; they reject with their error output. */
export function commandsIn(cwd: string, env: Environment): Commands {
  const run = (program: string, args: readonly string[]) => runCommand(program, args, { cwd, env });
  return { git: (...args) => run('git', args), npm: (...args) => run('npm', args) };
}
