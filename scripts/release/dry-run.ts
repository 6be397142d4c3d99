import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { commandsIn } from './commands.ts';
import { makeRelease, type MadeRelease, type ReleaseOptions } from './make-release.ts';

/** A dry run works without a name and a key for git. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'dry run',
  GIT_AUTHOR_EMAIL: 'dry-run@localhost',
  GIT_COMMITTER_NAME: 'dry run',
  GIT_COMMITTER_EMAIL: 'dry-run@localhost',
};

/** Makes the release of the last commit in a clone, which is removed. `inspect` may read it before. */
export async function dryRun<T>(
  { root, env, ...options }: ReleaseOptions,
  inspect: (made: MadeRelease, clone: string) => Promise<T>,
): Promise<T> {
  const clone = await mkdtemp(join(tmpdir(), 'layover-release-'));
  try {
    const identified = { ...env, ...IDENTITY };
    const { git } = commandsIn(clone, identified);
    await git('clone', '--quiet', '--shared', root, '.');
    await git('config', 'commit.gpgSign', 'false');
    await git('config', 'tag.gpgSign', 'false');
    await symlink(join(root, 'node_modules'), join(clone, 'node_modules'));
    return await inspect(await makeRelease({ root: clone, env: identified, ...options }), clone);
  } finally {
    await rm(clone, { recursive: true, force: true });
  }
}
