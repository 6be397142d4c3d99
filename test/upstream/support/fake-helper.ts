import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Writes an executable credential helper that runs `body`, a shell script with its input in `$server`. */
export async function writeHelper(directory: string, name: string, body: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\nread server\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** An environment in which helpers of that directory are found. */
export function pathWith(directory: string): Record<string, string> {
  return { PATH: `${directory}${delimiter}/usr/bin${delimiter}/bin` };
}
