import { readFileSync } from 'node:fs';

// package.json is one level above both src/ and dist/.
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export const VERSION: string = version;

/**
 * The line that distribution's programs print for `--version`: `<argv0> <package> <version>`.
 *
 * @param invokedAs the path that the program was started by, such as `./bin/registry`
 */
export function versionLine(invokedAs: string): string {
  return `${invokedAs} layover v${VERSION}`;
}
