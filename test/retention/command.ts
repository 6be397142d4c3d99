import type { Layover } from '../support/layover.ts';
import { type CommandResult, runLayover } from '../support/run-layover.ts';

export type { CommandResult } from '../support/run-layover.ts';

/** Runs the command line with these arguments. */
export function layoverCommand(...args: readonly string[]): Promise<CommandResult> {
  return runLayover(args);
}

/** A command about the cache of a server that runs, or ran, with the configuration of the test. */
export function cacheCommand(layover: Pick<Layover, 'configFile'>, ...args: readonly string[]): Promise<CommandResult> {
  return layoverCommand(...args, layover.configFile);
}
