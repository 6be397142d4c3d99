import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({ name: 'skopeo by path prefix', programs: ['skopeo'], start: startSkopeo });

async function startSkopeo(mirror: string): Promise<PullClient> {
  const directory = await temporaryDirectory();
  const target = (image: string) => join(directory.path, encodeURIComponent(image));
  const { host } = new URL(mirror);
  return {
    pull: async (image) => {
      const from = `docker://${host}/${image}`;
      await runProgram('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', from, `dir:${target(image)}`]);
    },
    remove: (image) => rm(target(image), { recursive: true }),
    run: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
