import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/config.ts';
import { configFile, load, MINIMAL } from './config-file.ts';

const remoteUrls = async (yaml: string) => {
  const { config, notices } = await load(`${MINIMAL}proxy: ${yaml}\n`);
  const noticed = notices.filter((notice) => notice.includes('/v2 or /v1'));
  return {
    urls: config.proxy?.upstreams.flatMap(({ remoteUrl, mirrors }) => [remoteUrl, ...mirrors]),
    noticed: noticed.map((notice) => /:(\d+:\d+ \S+): \/v2 or/.exec(notice)?.[1]),
  };
};

describe('the address of a registry', () => {
  it.each([
    ['https://a.example', 'https://a.example', false],
    ['https://a.example/', 'https://a.example', false],
    ['https://a.example/v2', 'https://a.example', true],
    ['https://a.example/v2/', 'https://a.example', true],
    ['https://a.example//v2//', 'https://a.example', true],
    ['https://a.example/v2/v2/', 'https://a.example', true],
    ['https://a.example/team/v2/', 'https://a.example/team', true],
    ['https://a.example/v2/team', 'https://a.example/v2/team', false],
    ['https://a.example/xv2', 'https://a.example/xv2', false],
    ['https://a.example/v1/', 'https://a.example/v1', false],
    ['https://index.docker.io/v1/', 'https://index.docker.io', true],
  ])('%s is %s', async (written, read, isNoticed) => {
    expect(await remoteUrls(`{remoteurl: "${written}"}`)).toEqual({
      urls: [read],
      noticed: isNoticed ? ['3:20 proxy.remoteurl'] : [],
    });
  });

  it('is read the same in a list, and as a mirror', async () => {
    const yaml =
      '{upstreams: [{remoteurl: "https://a.example/v2/", mirrors: ["https://m.example/hub/v2", "https://n.example"]}]}';
    expect(await remoteUrls(yaml)).toEqual({
      urls: ['https://a.example', 'https://m.example/hub', 'https://n.example'],
      noticed: ['3:33 proxy.upstreams[0].remoteurl', '3:68 proxy.upstreams[0].mirrors[0]'],
    });
  });
});

it('config check prints effects that the operator may not expect', async () => {
  await using file = await configFile(
    `${MINIMAL}proxy:\n  remoteurl: https://mirror.gcr.io/v2/\n  hosted: ["team/*"]\n`,
  );
  let text = '';
  expect(await checkConfig(file.path, { REGISTRY_AUTH_FILE: '/x' }, { out: { write: (more) => (text += more) } })).toBe(
    0,
  );
  expect(text.replaceAll(file.path, 'config.yml').split('\n').slice(1)).toEqual([
    '  listens on      :5000',
    '  stores in       memory (lost when the process ends)',
    '  pulls from      mirror.gcr.io (https://mirror.gcr.io), the default',
    '  pushes          to team/*',
    '  authentication  off (anyone who can connect has access)',
    'note: config.yml:4:3 proxy.remoteurl: serves requests for every registry (?ns=); proxy.upstreams would restrict them to configured registries',
    'note: config.yml:4:14 proxy.remoteurl: /v2 or /v1 at its end is ignored, because Layover appends /v2/',
    'note: config.yml:5:3 proxy.hosted: mirror.gcr.io is stored without a prefix, so its content with these names cannot be pulled',
    'note: REGISTRY_AUTH_FILE: set for podman, buildah and skopeo, ignored',
    '',
  ]);
});
