import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { NEVER_PUSHED } from './content.ts';
import { htpasswdOf } from '../auth/htpasswd-file.ts';
import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Stored before the registry starts, as some take nothing. */
export const STORED = 'stored/app';
const images = new Images();
export const storedImage = images.addImage(STORED, '1', { layers: [5000] });

/** A repository with tags that lead nowhere. */
export const DAMAGED = 'stored/damaged';
const BAD_LINKS = { dangling: NEVER_PUSHED, nonsense: 'nonsense' };

const DELETES = { storage: { delete: { enabled: true } } };

/** Configuration that distribution and Layover both read. `cache` and `locked` are completed when they start. */
const SETTINGS = {
  plain: DELETES,
  'deletes off': { storage: { delete: { enabled: false } } },
  'read-only': { storage: { ...DELETES.storage, maintenance: { readonly: { enabled: true } } } },
  cache: DELETES,
  'small pages': { ...DELETES, catalog: { maxentries: 5 }, tags: { maxtags: 2 } },
  relative: { http: { relativeurls: true } },
  absolute: { http: { relativeurls: false } },
  host: { http: { host: 'https://registry.example.com' } },
  prefix: { http: { prefix: '/test/' } },
  locked: {},
} satisfies Record<string, ConfigObject>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export interface StartedRegistry extends AsyncDisposable {
  readonly url: string;
}

/** Starts a registry on a directory with {@link STORED}. */
export type StartRegistry = (dataDirectory: string, config: ConfigObject) => Promise<StartedRegistry>;

export const startLayover: StartRegistry = (dataDirectory, config) => Layover.startProcess({ dataDirectory, config });

export function startControl(program: string): StartRegistry {
  return (dataDirectory, config) => startDockerRegistryOn(program, dataDirectory, config);
}

/** @param upstreamUrl of the registry that a cache is before */
export async function startSetting(
  start: StartRegistry,
  name: SettingName,
  upstreamUrl: string,
): Promise<StartedRegistry> {
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await writeDistributionLayout(dataDirectory, images);
  await writeBadLinks(dataDirectory);
  const config = { ...SETTINGS[name], ...(await completion(name, directory.path, upstreamUrl)) };
  const registry = await start(dataDirectory, config);
  return {
    url: registry.url,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function writeBadLinks(dataDirectory: string): Promise<void> {
  const tags = join(dataDirectory, 'docker/registry/v2/repositories', DAMAGED, '_manifests/tags');
  for (const [tag, link] of Object.entries(BAD_LINKS)) {
    await mkdir(join(tags, tag, 'current'), { recursive: true });
    await writeFile(join(tags, tag, 'current/link'), link);
  }
}

async function completion(name: SettingName, directory: string, upstreamUrl: string): Promise<ConfigObject> {
  if (name === 'cache') return { proxy: { remoteurl: upstreamUrl } };
  if (name !== 'locked') return {};
  const path = join(directory, 'htpasswd');
  await writeFile(path, await htpasswdOf({ ci: 'secret' }));
  return { auth: { htpasswd: { realm: 'realm-test', path } } };
}
