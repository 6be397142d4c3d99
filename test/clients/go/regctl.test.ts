import type { PushClient } from '../push-client.ts';
import { describePushClient } from '../push-client-contract.ts';
import { cranePuller } from './crane-puller.ts';
import { openGoClient } from './go-client.ts';

await describePushClient({
  name: 'regctl',
  programs: ['regctl'],
  needsRoot: false,
  start: startRegctl,
  puller: cranePuller,
  // It goes on, but at times has read what it sends from two places at once, finds a wrong digest itself, and gives up.
  triesAgain: false,
});

async function startRegctl(): Promise<PushClient> {
  const regctl = await openGoClient('regctl');
  const copy = async (from: string, to: string) => {
    for (const name of [from, to]) {
      await regctl.run('registry', 'set', '--skip-check', '--tls', 'disabled', name.split('/')[0] ?? '');
    }
    await regctl.run('image', 'copy', from, to);
  };
  return {
    copy,
    copyIndex: copy,
    async login(registry, user, password) {
      await regctl.run('registry', 'set', '--skip-check', '--tls', 'disabled', registry);
      await regctl.run('registry', 'login', '-u', user, '-p', password, registry);
    },
    [Symbol.asyncDispose]: () => regctl[Symbol.asyncDispose](),
  };
}
