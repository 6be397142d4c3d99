import type { Layover } from '../support/layover.ts';
import { RunningProcess } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program with these arguments. */
export async function layoverCommand(...args: readonly string[]): Promise<CommandResult> {
  const program = await RunningProcess.start(process.execPath, [LAYOVER_MAIN, ...args], { env: programEnvironment() });
  const { code } = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** A command about the cache of a server that runs, or ran, with the configuration of the test. */
export function cacheCommand(layover: Pick<Layover, 'configFile'>, ...args: readonly string[]): Promise<CommandResult> {
  return layoverCommand(...args, layover.configFile);
}
