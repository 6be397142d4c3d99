import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/config.ts';
import { loadConfig } from '../../src/config/load.ts';

const EXAMPLES = fileURLToPath(new URL('../../config/examples/', import.meta.url));

const UPSTREAMS_BY_FILE: Readonly<Record<string, readonly string[]>> = {
  'docker-hub-mirror.yml': ['docker.io'],
  'many-upstreams.yml': ['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io'],
  'offline.yml': ['docker.io', 'ghcr.io'],
  'private-upstream.yml': ['registry.corp.example.com', 'docker.io', '123456789012.dkr.ecr.eu-central-1.amazonaws.com'],
  'registry-with-users.yml': ['docker.io'],
};

const load = (name: string) => loadConfig({ file: `${EXAMPLES}${name}`, env: {} });

describe('the examples', () => {
  it('are all tested here', async () => {
    expect((await readdir(EXAMPLES)).sort()).toEqual(Object.keys(UPSTREAMS_BY_FILE));
  });

  it.each(Object.entries(UPSTREAMS_BY_FILE))('%s can be used unchanged, without a warning', async (name, upstreams) => {
    const { config, warnings } = await load(name);
    expect(warnings).toEqual([]);
    expect(config.proxy?.upstreams.map((upstream) => upstream.name)).toEqual(upstreams);
  });

  it('name files, and config check reports each missing one', async () => {
    let text = '';
    const out = { write: (more: string) => (text += more) };
    expect(await checkConfig(`${EXAMPLES}private-upstream.yml`, {}, { out })).toBe(1);
    expect(text).toMatch(
      /private-upstream\.yml:\d+:\d+ proxy\.upstreams\[0\]\.tls\.ca: cannot read \/etc\/ssl\/corp\.pem: /,
    );
  });

  it('configure what they are named after', async () => {
    const mirror = (await load('docker-hub-mirror.yml')).config;
    expect(mirror.proxy?.upstreams[0]).toMatchObject({ storePrefix: '', isDefault: true, library: true });
    expect(mirror.http.debug?.prometheusPath).toBe('/metrics');

    const many = (await load('many-upstreams.yml')).config;
    expect(many.proxy?.upstreams[0]?.mirrors).toEqual(['https://mirror.gcr.io']);
    expect(many.proxy?.upstreams[0]?.tags.rules.map(({ ttlMs }) => ttlMs)).toEqual([604_800_000, 60_000]);
    expect(many.proxy?.upstreams[1]?.deny).toEqual(['example-org/experiments/**']);

    const users = (await load('registry-with-users.yml')).config.auth;
    expect(users).toMatchObject({
      isRestricted: true,
      issuer: { lifetimeMs: 300_000 },
      groups: { developers: ['alice', 'bob'] },
    });
    expect(users?.policy.map(({ effect }) => effect)).toEqual(['deny', 'allow', 'allow', 'allow', 'allow']);

    const offline = (await load('offline.yml')).config;
    expect(offline.proxy?.offline).toBe(true);
    expect(offline.storage.readOnly).toBe(true);

    const [corp, hub, ecr] = (await load('private-upstream.yml')).config.proxy?.upstreams ?? [];
    expect(corp).toMatchObject({ credentials: [{ kind: 'file' }], tls: { caFile: '/etc/ssl/corp.pem' } });
    expect(hub).toMatchObject({ credentials: [{ kind: 'dockerconfig' }], httpProxy: expect.any(String) as string });
    expect(ecr).toMatchObject({ credentials: [{ kind: 'exec', lifetimeMs: 21_600_000 }], storePrefix: 'ecr' });
  });
});
