import type { PushClient } from '../push-client.ts';
import { describePushClient } from '../push-client-contract.ts';
import { cranePuller } from './crane-puller.ts';
import { openGoClient } from './go-client.ts';

await describePushClient({
  name: 'oras',
  programs: ['oras'],
  needsRoot: false,
  start: startOras,
  puller: cranePuller,
  triesAgain: false,
});

async function startOras(): Promise<PushClient> {
  const oras = await openGoClient('oras');
  const copy = async (from: string, to: string) =>
    void (await oras.run('cp', '--from-plain-http', '--to-plain-http', from, to));
  return {
    copy,
    copyIndex: copy,
    login: async (registry, user, password) =>
      void (await oras.run('login', '--plain-http', '-u', user, '-p', password, registry)),
    [Symbol.asyncDispose]: () => oras[Symbol.asyncDispose](),
  };
}
