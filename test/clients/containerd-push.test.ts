import { startContainerdDaemon } from './containerd-daemon.ts';
import { skopeoPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';

const HTTP = '--plain-http';

await describePushClient({
  name: 'ctr',
  programs: ['containerd', 'ctr'],
  needsRoot: true,
  start: startContainerd,
  puller: skopeoPuller,
  triesAgain: false,
});

async function startContainerd(): Promise<PushClient> {
  const daemon = await startContainerdDaemon();
  const { ctr } = daemon;
  const user: string[] = [];
  const copy = async (options: readonly string[], from: string, to: string) => {
    await ctr('content', 'fetch', HTTP, ...options, from);
    await ctr('images', 'push', HTTP, ...user, to, from);
  };
  return {
    copy: (from, to) => copy([], from, to),
    copyIndex: (from, to) => copy(['--all-platforms'], from, to),
    login: async (_registry, name, password) => void user.splice(0, 2, '--user', `${name}:${password}`),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}
