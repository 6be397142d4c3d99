import { expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { configFile } from './config-file.ts';

it("makes a mirror with REGISTRY_PROXY_REMOTEURL instead of the file's upstreams, with a warning", async () => {
  await using file = await configFile(
    'version: 0.1\nstorage: { inmemory: {} }\nproxy:\n  upstreams:\n    - { name: quay.io, remoteurl: https://quay.io }\n',
  );
  const env = { REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io' };
  const { config, warnings } = await loadConfig({ file: file.path, env });
  expect(config.proxy?.upstreams.map(({ name, isDefault, storePrefix }) => [name, isDefault, storePrefix])).toEqual([
    ['docker.io', true, ''],
  ]);
  expect(warnings.join('\n')).toMatch(/:4:3 proxy\.upstreams: replaced by REGISTRY_PROXY_REMOTEURL/);
});
