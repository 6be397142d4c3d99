/** Written by `npm run release`, and compared with package.json by a test: a bundle has no package.json to read. */
export const VERSION = '0.1.0';

/**
 * The line that distribution's programs print for `--version`: `<argv0> <package> <version>`.
 *
 * @param invokedAs the path that the program was started by, such as `./bin/registry`
 */
export function versionLine(invokedAs: string): string {
  return `${invokedAs} layover v${VERSION}`;
}
