import { join } from 'node:path';

import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { podmanPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';

await describePushClient({
  name: 'skopeo',
  programs: ['skopeo'],
  needsRoot: false,
  start: startSkopeo,
  puller: podmanPuller,
  triesAgain: false,
});

async function startSkopeo(): Promise<PushClient> {
  const directory = await temporaryDirectory();
  const auth = ['--authfile', join(directory.path, 'auth.json')];
  const skopeo = (...args: string[]) => runProgram('skopeo', ['--insecure-policy', ...args]);
  const copy = async (options: readonly string[], from: string, to: string) => {
    const http = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await skopeo('copy', ...http, ...auth, ...options, `docker://${from}`, `docker://${to}`);
  };
  return {
    copy: (from, to) => copy([], from, to),
    copyIndex: (from, to) => copy(['--all'], from, to),
    login: async (registry, user, password) =>
      void (await skopeo('login', '--tls-verify=false', ...auth, '--username', user, '--password', password, registry)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
