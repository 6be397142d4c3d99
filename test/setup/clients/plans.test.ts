import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';

import { parseCacheAddress, parseRegistries } from '../../../src/setup/address.ts';
import { findSetupClient, SETUP_CLIENTS } from '../../../src/setup/clients.ts';
import { hostsToml } from '../../../src/setup/clients/hosts-toml.ts';
import { type SetupRequest, shownTexts } from '../../../src/setup/plan.ts';

const CA = { path: '/etc/ssl/certs/cache.crt', pem: 'PEM\n' };
const SECURE = requestFor('https://cache.example.com');
const PLAIN = requestFor('http://cache.example.com:5000');

function requestFor(address: string, more: Partial<SetupRequest> = {}): SetupRequest {
  return { cache: parseCacheAddress(address), registries: [], ca: undefined, isEnforced: false, ...more };
}

function planOf(name: string, request: SetupRequest, existing: Record<string, string> = {}) {
  const client = findSetupClient(name);
  if (!client) throw new Error(`there is no client ${name}`);
  return client.plan(request, (path) => existing[path]);
}

function textsOf(name: string, request: SetupRequest, existing: Record<string, string> = {}) {
  const plan = planOf(name, request, existing);
  const merged = plan.changes.map(({ path, merge }) => [path, merge(existing[path])] as const);
  return { ...plan, files: Object.fromEntries(merged) };
}

describe.each(SETUP_CLIENTS.map(({ name }) => name))('the configuration of %s', (name) => {
  it.each([
    ['https', SECURE],
    ['http', PLAIN],
    ['ca-enforced', { ...SECURE, ca: CA, isEnforced: true, registries: ['docker.io', 'ghcr.io'] }],
  ])('is what it was, for %s', async (kind, request) => {
    const plan = planOf(name, request);
    const shown = shownTexts(plan).map(({ title, text }) => `--- ${title}\n${text}`);
    const { takesEffect, enforcement, unenforced = '', notes } = plan;
    const end = `--- takes effect ${takesEffect}\n--- enforced: ${enforcement}\n--- not enforced: ${unenforced}\n${notes.map((note) => `--- ${note}\n`).join('')}`;
    await expect([...shown, end].join('')).toMatchFileSnapshot(`golden/${name}-${kind}.txt`);
  });

  it('is complete: written again it is the same', () => {
    const first = textsOf(name, { ...SECURE, isEnforced: true });
    expect(textsOf(name, { ...SECURE, isEnforced: true }, first.files).files).toEqual(first.files);
  });
});

describe('existing settings', () => {
  it('of Docker stay, in their order, with the mirror first', () => {
    const existing = '{\n\t"log-driver": "local",\n\t"registry-mirrors": ["https://old"],\n\t"debug": true\n}\n';
    const { files } = textsOf('docker', PLAIN, { '/etc/docker/daemon.json': existing });
    const text = files['/etc/docker/daemon.json'] ?? '';
    expect(Object.entries(JSON.parse(text))).toEqual([
      ['log-driver', 'local'],
      ['registry-mirrors', ['http://cache.example.com:5000', 'https://old']],
      ['debug', true],
      ['insecure-registries', ['cache.example.com:5000']],
    ]);
    expect(text).toContain('\n\t"debug"');
  });

  it.each(['{ "debug": true', '[]', 'null', '{ "registry-mirrors": "https://cache" }'])(
    'of Docker that are damaged are refused: %s',
    (existing) => {
      expect(() => textsOf('docker', PLAIN, { '/etc/docker/daemon.json': existing })).toThrow(
        /^\/etc\/docker\/daemon\.json: .*\(repair the file first; nothing was changed\)$/s,
      );
    },
  );

  it.each(['{"a": 12345678901234567890}', '{"a": 1, "a": 2}', '{"a": {"b": 1.0}}', '{"a": 1e400}'])(
    'of Docker that would change are refused: %s',
    (existing) => {
      const file = { '/etc/docker/daemon.json': existing };
      expect(() => textsOf('docker', SECURE, file)).toThrow(/daemon\.json: has keys twice, or numbers .*by hand\)$/);
    },
  );

  it('of Docker may have escapes, numbers and lists', () => {
    const existing = '{"a": "\\u0041\\/\\"{", "b": [1, -2.5, true, null, {}], "constructor": {}}';
    const { files } = textsOf('docker', SECURE, { '/etc/docker/daemon.json': existing });
    expect(JSON.parse(files['/etc/docker/daemon.json'] ?? '')).toMatchObject(JSON.parse(existing) as object);
  });

  const CONFIG = '/etc/containerd/config.toml';
  it.each([
    ['version 2', 'version = 2 # two\n[grpc]\n  address = "/run/x.sock"\n', 'io.containerd.grpc.v1.cri'],
    [
      'version 3',
      'version = 3\n[plugins."io.containerd.cri.v1.images"]\n  snapshotter = "x"\n',
      'io.containerd.cri.v1.images',
    ],
    [
      'an empty path',
      `version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\n config_path = '' # none\n`,
      'io.containerd.grpc.v1.cri',
    ],
    ['no file', '', 'io.containerd.grpc.v1.cri'],
  ])('of containerd get config_path under the name of their version: %s', (_, existing, plugin) => {
    const text = textsOf('containerd', SECURE, { [CONFIG]: existing }).files[CONFIG] ?? '';
    const { plugins } = parse(text) as Record<string, Record<string, Record<string, Record<string, unknown>>>>;
    expect(plugins?.[plugin]?.['registry']?.['config_path']).toBe('/etc/containerd/certs.d');
    for (const line of existing.split('\n').filter((each) => !each.includes('config_path')))
      expect(text).toContain(line);
  });

  it.each([
    ['version = 3\n', [[CONFIG, 'version = 3', 'io.containerd.cri.v1.images']]],
    ['version = 2\n', [[CONFIG, 'version = 2', 'io.containerd.grpc.v1.cri']]],
    [
      undefined,
      [
        [`${CONFIG} of containerd 2`, 'version = 3', 'io.containerd.cri.v1.images'],
        [`${CONFIG} of containerd 1`, 'version = 2', 'io.containerd.grpc.v1.cri'],
      ],
    ],
    ['version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/srv/certs"\n', []],
  ])('of containerd decide what is printed: %j', (existing, expected) => {
    const texts = shownTexts(planOf('containerd', SECURE, existing === undefined ? {} : { [CONFIG]: existing }));
    const shown = texts.filter(({ title }) => title.startsWith(CONFIG));
    expect(shown.map(({ title, text }) => [title, text])).toEqual(
      expected.map(([title, version, plugin]) => [
        title,
        `${version}\n\n[plugins."${plugin}".registry]\n  config_path = "/etc/containerd/certs.d"\n`,
      ]),
    );
  });

  it('of containerd keep another directory, and lose a second one, which makes containerd ignore both', () => {
    const existing = (path: string) =>
      `version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "${path}"\n`;
    const other = textsOf('containerd', SECURE, { [CONFIG]: existing('/srv/certs') });
    expect(Object.keys(other.files)).toContain('/srv/certs/_default/hosts.toml');
    expect(other.files[CONFIG]).toBe(existing('/srv/certs'));
    const two = textsOf('containerd', SECURE, { [CONFIG]: existing('/etc/containerd/certs.d:/etc/docker/certs.d') });
    expect(two.files[CONFIG]).toBe(existing('/etc/containerd/certs.d'));
    expect(two.notes.join()).toMatch(/config_path had several directories.*12415/);
  });

  it.each([
    [
      '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\nendpoint = ["https://x"]\n',
      /excludes config_path/,
    ],
    ['[grpc]\naddress = "x"\n', /has version 1 \(convert it/],
    ['version = 2\n[[[\n', /repair the file first/],
  ])('of containerd that exclude the setting are refused: %j', (existing, message) => {
    expect(() => textsOf('containerd', SECURE, { [CONFIG]: existing })).toThrow(message);
  });

  it('of one registry keep their hosts, after the cache', () => {
    const path = '/etc/containerd/certs.d/docker.io/hosts.toml';
    const existing =
      'server = "https://registry-1.docker.io" # Hub\n\n[host."https://other"]\n  capabilities = ["pull"]\n';
    const text =
      textsOf('containerd', { ...SECURE, registries: ['docker.io'] }, { [path]: existing }).files[path] ?? '';
    expect(Object.keys(parse(text)['host'] as object)).toEqual(['https://cache.example.com', 'https://other']);
    expect(text).toContain('server = "https://registry-1.docker.io" # Hub');
  });

  it('of k3s and BuildKit keep comments and other mirrors', () => {
    const yaml =
      '# ours\nmirrors:\n  docker.io: # Hub\n    endpoint: [https://old]\n  "*":\n    endpoint: [https://old]\n';
    const path = '/etc/rancher/k3s/registries.yaml';
    const text = textsOf('k3s', SECURE, { [path]: yaml }).files[path] ?? '';
    expect(parseYaml(text).mirrors).toEqual({
      'docker.io': { endpoint: ['https://old'] },
      '*': { endpoint: ['https://cache.example.com', 'https://old'] },
    });
    expect(text).toMatch(/^# ours[^]*# Hub/);
    const toml = '# mine\n[registry."docker.io"]\n  mirrors = ["old.example"] # keep\n[worker.oci]\n  enabled = true\n';
    const file = '/etc/buildkit/buildkitd.toml';
    const edited = textsOf('buildkit', { ...PLAIN, registries: ['docker.io'] }, { [file]: toml }).files[file] ?? '';
    expect(parse(edited)).toEqual({
      registry: {
        'docker.io': { mirrors: ['cache.example.com:5000', 'old.example'] },
        'cache.example.com:5000': { http: true },
      },
      worker: { oci: { enabled: true } },
    });
    expect(edited).toMatch(/^# mine/);
  });
});

describe('an address or a name', () => {
  it.each([
    'cache.example.com',
    'ftp://cache',
    'https://u:p@cache',
    'https://:p@cache',
    'https://cache/path',
    'https://cache?x=1',
    '',
  ])('that clients cannot use is refused: %j', (text) => expect(() => parseCacheAddress(text)).toThrow(/^--address: /));
  it.each([
    '"',
    "'",
    '$(id)',
    '(',
    ')',
    ';',
    ',',
    '{',
    '}',
    '`id`',
    '_',
    '.',
    '..',
    '-a',
    'a-',
    'a..b',
    '[::1%25eth0]',
  ])('that has other characters than names and addresses is refused: %j', (name) => {
    expect(() => parseCacheAddress(`http://${name}`)).toThrow(/^--address: /);
    if (name !== ',') expect(() => parseRegistries(name)).toThrow(/^registries: /);
  });
  it('is one with hyphens and a port, or an IPv6 address', () => {
    expect(parseRegistries('xn--a--b.example:5000,10.0.0.1,a-b')).toEqual(['xn--a--b.example:5000', '10.0.0.1', 'a-b']);
    expect(parseCacheAddress('http://[::1]:5000')).toMatchObject({ host: '[::1]:5000', isLoopback: true });
  });
  it.each(['docker.io/library', '"x"', 'a b', '../x', '__proto__', '[::1]'])(
    'that is no registry is refused: %j',
    (text) => expect(() => parseRegistries(text)).toThrow(/^registries: /),
  );
});

describe('a plan', () => {
  it.each(SETUP_CLIENTS.map(({ name }) => name))('for a registry of the name of an own property: %s', (name) => {
    const registries = ['constructor', 'tostring'];
    const { files, printed } = textsOf(name, { ...SECURE, registries });
    expect(`${Object.keys(files).join()}${Object.values(files).join()}${JSON.stringify(printed)}`).not.toContain(
      'native code',
    );
    expect(textsOf(name, { ...SECURE, registries }, files).files).toEqual(files);
    expect(Object.keys(Object)).toEqual([]);
  });

  it('quotes the path of a certificate', () => {
    const ca = { ...CA, path: '/srv/ca"]\\evil.pem' };
    for (const name of ['containerd', 'docker', 'buildkit', 'k3s']) {
      const request = { ...SECURE, ca, registries: ['docker.io'], isEnforced: true };
      const { files } = textsOf(name, request);
      const parsed = Object.entries(files)
        .filter(([path]) => /(?:toml|yaml)$/.test(path))
        .map(([path, text]) => (path.endsWith('yaml') ? parseYaml(text) : parse(text)));
      expect(JSON.stringify(parsed)).toContain(JSON.stringify(ca.path));
      expect(textsOf(name, request, files).files).toEqual(files);
    }
  });
});

describe('the documents', () => {
  it('have the configuration that setup writes', async () => {
    const page = await readFile('docs/clients.md', 'utf8');
    const texts = [
      hostsToml('ghcr.io', SECURE),
      textsOf('podman', { ...SECURE, registries: ['docker.io', 'ghcr.io'] }).files[
        '/etc/containers/registries.conf.d/50-layover.conf'
      ],
      textsOf('buildkit', { ...SECURE, registries: ['docker.io', 'ghcr.io'] }).files['/etc/buildkit/buildkitd.toml'],
      ...['gitlab', 'talos', 'testcontainers'].flatMap((name) => textsOf(name, SECURE).printed.map(({ text }) => text)),
    ];
    for (const text of texts) expect(page).toContain(text?.replace(/^#.*\n\n?/, '').trimEnd());
  });

  it('and the notes of the chart have its hosts.toml', async () => {
    const notes = await readFile(join('charts', 'layover', 'templates', 'NOTES.txt'), 'utf8');
    const cache = { ...SECURE.cache, origin: '{{ $address }}' };
    const text = hostsToml('_default', { ...SECURE, cache, dialTimeout: '{{ .Values.nodeConfig.dialTimeout }}' });
    expect(notes).toContain(text.replace(/^/gm, '  ').trimEnd());
  });
});
