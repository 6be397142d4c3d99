import type { PushClient } from '../push-client.ts';
import { describePushClient } from '../push-client-contract.ts';
import { openGoClient } from './go-client.ts';
import { regctlPuller } from './regctl-puller.ts';

await describePushClient({
  name: 'crane',
  programs: ['crane'],
  needsRoot: false,
  start: startCrane,
  puller: regctlPuller,
  triesAgain: true,
});

async function startCrane(): Promise<PushClient> {
  const crane = await openGoClient('crane');
  const copy = async (from: string, to: string) => void (await crane.run('copy', '--insecure', from, to));
  return {
    copy,
    copyIndex: copy,
    login: async (registry, user, password) =>
      void (await crane.run('auth', 'login', '--insecure', '-u', user, '-p', password, registry)),
    [Symbol.asyncDispose]: () => crane[Symbol.asyncDispose](),
  };
}
