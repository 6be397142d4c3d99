import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { Hub } from '../support/hub.ts';
import type { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover, type LayoverOptions } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Clients of the cache: alice is in group acme, bob in group beta, carol in none. */
export const CLIENTS = {
  alice: basic('alice', 'a-password'),
  bob: basic('bob', 'b-password'),
  carol: basic('carol', 'c-password'),
  nobody: {},
} as const;

/** Passwords of the accounts at the upstream. */
export const ACCOUNTS = { acmebot: 'upstream-secret-of-acme', betabot: 'upstream-secret-of-beta' } as const;

export interface PrivateSceneOptions extends Pick<LayoverOptions, 'clock' | 'ownProcess'> {
  readonly private?: ConfigObject;
  /** More for the configuration. */
  readonly config?: ConfigObject;
  /** More for `proxy`. */
  readonly proxy?: ConfigObject;
}

/** A Docker Hub whose `acme/app` only acmebot may read, before caches with the accounts of both groups. */
export async function startPrivateHub(images: Images): Promise<Hub> {
  const hub = await Hub.start(images);
  for (const [user, password] of Object.entries(ACCOUNTS)) hub.tokens.users.set(user, password);
  hub.tokens.privateRepositories.add('acme/app');
  hub.tokens.readers.set('acme/app', new Set(['acmebot']));
  return hub;
}

/** The configuration of a cache in front of it. @param directory for its files */
async function privateConfig(
  hub: Pick<Hub, 'url'>,
  directory: string,
  { private: more = {}, config = {}, proxy = {} }: PrivateSceneOptions = {},
): Promise<ConfigObject> {
  const path = join(directory, 'htpasswd');
  await writeFile(path, await htpasswdOf({ alice: 'a-password', bob: 'b-password', carol: 'c-password' }));
  const upstream = dockerHubUpstream(hub, {
    credentials: [
      { username: 'acmebot', password: ACCOUNTS.acmebot, groups: ['acme'] },
      { username: 'betabot', password: ACCOUNTS.betabot, groups: ['beta'] },
    ],
    private: { access: 'groups', ...more },
  });
  return {
    proxy: { upstreams: [upstream], ...proxy },
    auth: {
      htpasswd: { realm: 'cache', path },
      groups: { acme: ['alice'], beta: ['bob'] },
      anonymous: { repositories: ['**'] },
    },
    ...config,
  };
}

export async function startPrivateCache(hub: Pick<Hub, 'url'>, options: PrivateSceneOptions = {}): Promise<Layover> {
  const directory = await temporaryDirectory();
  const { clock, ownProcess } = options;
  return Layover.start({
    config: await privateConfig(hub, directory.path, options),
    ...(clock && { clock }),
    ...(ownProcess && { ownProcess }),
  });
}
