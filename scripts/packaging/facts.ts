import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ImageFacts } from './image-config.ts';
import { runCommand } from './run-command.ts';

/**
 * Version, commit and time of a package. The time is `SOURCE_DATE_EPOCH`, or else that of the commit, so that the same source gives the
 * same package.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export async function factsOf(root: string, env: Readonly<Record<string, string | undefined>>): Promise<ImageFacts> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = await runCommand('git', ['log', '-1', '--format=%H %ct'], { cwd: root }).catch(() => '');
  const [revision, committed = '0'] = commit.split(' ');
  const epoch = Number(env['SOURCE_DATE_EPOCH'] || committed);
  if (!Number.isInteger(epoch) || epoch < 0) throw new Error('SOURCE_DATE_EPOCH: must be seconds since 1970');
  return { version, revision: revision || undefined, epoch };
}
