import { basename } from 'node:path';

const PROGRAMS = ['registry', 'layover'];

/**
 * The arguments of a command, where distribution's image takes others: `registry serve FILE` names the program again, and a file alone is
 * the configuration to serve.
 *
 * @see https://github.com/distribution/distribution-library-image, docker-entrypoint.sh
 */
export function entryArguments(args: readonly string[]): readonly string[] {
  const [first = '', ...rest] = args;
  if (/\.ya?ml$/.test(first)) return ['serve', ...args];
  return PROGRAMS.includes(basename(first)) ? rest : args;
}
