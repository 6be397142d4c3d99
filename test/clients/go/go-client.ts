import { join } from 'node:path';

import { runProgram } from '../../support/processes.ts';
import { findProgram } from '../../support/programs.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A program with a home directory of its own, where it finds nobody's credentials. */
export async function openGoClient(program: string, more: Readonly<Record<string, string>> = {}) {
  const directory = await temporaryDirectory();
  const path = (await findProgram(program)) ?? program;
  const env = { PATH: process.env.PATH, HOME: directory.path, DOCKER_CONFIG: directory.path, ...more };
  return {
    at: (name: string) => join(directory.path, name),
    /** @returns what it printed on stdout. @throws {Error} with its output */
    run: async (...args: readonly string[]) => (await runProgram(path, args, { env, cwd: directory.path })).stdout,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
