import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Commands {
  readonly git: (...args: readonly string[]) => Promise<string>;
  readonly npm: (...args: readonly string[]) => Promise<string>;
}

/** Programs that run in a directory; they reject with their error output. */
export function commandsIn(cwd: string, env: Environment): Commands {
  const run = async (program: string, args: readonly string[]) => {
    try {
      return (await execute(program, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
    } catch (err) {
      const { stderr = '', stdout = '' } = err as { readonly stderr?: string; readonly stdout?: string };
      throw new Error(`${program} ${args.join(' ')}: ${(stderr || stdout).trim()}`, { cause: err });
    }
  };
  return { git: (...args) => run('git', args), npm: (...args) => run('npm', args) };
}
