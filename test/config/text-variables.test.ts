import { describe, expect, it } from 'vitest';
import { load, MINIMAL, problemsOf, warningsOf } from './config-file.ts';

/** Passwords that are special in YAML. */
const SECRETS = [
  'plain',
  '#hash',
  'abc #def',
  'a#b',
  '&%abc',
  '*star',
  '!bang',
  '%pct',
  '@at',
  '`tick',
  '{brace',
  '[bracket',
  ']x',
  '- dash',
  '-dash',
  '? query',
  '| pipe',
  '> more',
  'a: b',
  'a:',
  ': b',
  'null',
  '~',
  'true',
  '0123',
  '1e3',
  '0x1f',
  'a\\nb',
  ' spaces around ',
  'tab\there',
  '"open',
  "it's",
  '"a" "b"',
  "'a' #'b'",
  'ünïcödé',
  '---',
  '...',
  '%YAML 1.2',
  '<<: *a',
  '$HOME ${x}',
  '"quoted"',
  "'single'",
];

const UPSTREAM = `${MINIMAL}proxy: {remoteurl: "https://a.example", username: me}\n`;

async function passwordOf(password: string) {
  const { config, warnings } = await load(UPSTREAM, { REGISTRY_PROXY_PASSWORD: password });
  const [credentials] = config.proxy?.upstreams[0]?.credentials ?? [];
  return { password: credentials?.kind === 'static' ? credentials.password : undefined, warnings };
}

describe('a secret in a variable', () => {
  it.each(SECRETS)('is used literally: %s', async (secret) => {
    expect((await passwordOf(secret)).password).toBe(secret);
    const { config } = await load(`${MINIMAL}admin: {addr: "127.0.0.1:0"}\n`, { REGISTRY_ADMIN_TOKEN: secret });
    expect(config.admin.token).toBe(secret);
  });

  it.each([
    ['"a #b"', 'a #b'],
    ["'#x'", '#x'],
    ["'it''s'", "it's"],
    ['"a\\"b\\\\c\\u0041"', 'a"b\\cA'],
    ['"p#x"', 'p#x'],
    ['"0123"', '0123'],
    ['"null"', 'null'],
    ["'true'", 'true'],
  ])('loses the quotes that were written for YAML: %s', async (secret, expected) => {
    expect(await passwordOf(secret)).toEqual({ password: expected, warnings: [] });
  });

  it('keeps quotes that YAML does not need, with a warning', async () => {
    expect(await passwordOf('"quoted"')).toEqual({
      password: '"quoted"',
      warnings: [
        'REGISTRY_PROXY_PASSWORD: its quotes are part of the value, because YAML needs none here (remove them if they are not)',
      ],
    });
  });

  it('loses one line break at its end, as in a file', async () => {
    expect((await passwordOf('secret\n')).password).toBe('secret');
    expect((await passwordOf('secret\r\n')).password).toBe('secret');
    expect((await passwordOf('secret \n')).password).toBe('secret ');
  });

  it.each(['', ' ', '\n', '""', "''", '" "'])('that is empty is an error: %j', async (secret) => {
    const env = { REGISTRY_PROXY_PASSWORD: secret, REGISTRY_ADMIN_TOKEN: secret, REGISTRY_HTTP_SECRET: secret };
    const reason = 'is empty: set a value, or remove the key (text that starts with # needs quotes in YAML)';
    expect(await problemsOf(UPSTREAM, env)).toEqual([
      `REGISTRY_ADMIN_TOKEN admin.token: ${reason}`,
      `REGISTRY_HTTP_SECRET http.secret: ${reason}`,
      `REGISTRY_PROXY_PASSWORD proxy.password: ${reason}`,
    ]);
  });

  it('is kept in a section that is set as a whole', async () => {
    expect(await problemsOf(MINIMAL, { REGISTRY_ADMIN: 'token: #x' })).toEqual([
      'REGISTRY_ADMIN admin.token: is empty: set a value, or remove the key (text that starts with # needs quotes in YAML)',
    ]);
  });
});

describe('a secret in the file', () => {
  it.each(['#x', '', '~', 'null', '""', "' '"])('that is empty is an error: %s', async (secret) => {
    const text = `${MINIMAL}admin:
  addr: 127.0.0.1:5002
  token: ${secret}
  tokenfile: ${secret}
http:
  secret: ${secret}
redis:
  addrs: ["a:1"]
  password: ${secret}
proxy:
  upstreams:
    - remoteurl: https://a.example
      credentials:
        - username: me
          password: ${secret}
`;
    const places = (await problemsOf(text)).filter((problem) => problem.includes('is empty')).map(placeOf);
    expect(places).toEqual([
      'config.yml:5:3 admin.token',
      'config.yml:6:3 admin.tokenfile',
      'config.yml:8:3 http.secret',
      'config.yml:11:3 redis.password',
      'config.yml:17:11 proxy.upstreams[0].credentials[0].password',
    ]);
  });

  it('of S3 is an error too', async () => {
    const s3 = 'version: 0.1\nstorage: {s3: {bucket: b, region: r, accesskey: "", secretkey: ""}}\n';
    expect((await problemsOf(s3)).map(placeOf)).toEqual(['config.yml:2:53 storage.s3.secretkey']);
  });
});

function placeOf(problem: string): string {
  return problem.split(': ')[0] ?? '';
}

describe('other text in a variable', () => {
  it('is used literally, without surrounding space and quotes', async () => {
    const { config, warnings } = await load(MINIMAL, {
      REGISTRY_LOG_FIELDS_TEAM: 'a: b #c',
      REGISTRY_LOG_FIELDS_CLUSTER_NAME: ' {x} ',
      REGISTRY_LOG_FIELDS_NUMBER: '7',
      REGISTRY_AUTH_HTPASSWD_REALM: 'Registry: #1',
      REGISTRY_AUTH_HTPASSWD_PATH: '"/etc/*"',
      REGISTRY_HTTP_ADDR: "':5001'",
      REGISTRY_HTTP_SECRET: "'a: b'",
      REGISTRY_HTTP_HEADERS_X_TEAM: 'ci #1',
      REGISTRY_HTTP_HEADERS_X_MANY: '[a, "b #c"]',
      REGISTRY_HTTP_HEADERS_X_ITEM_0: '*',
      REGISTRY_AUTH_GROUPS_CORE_TEAM: '[alice]',
      REGISTRY_AUTH_GROUPS_OPS_0: 'bob',
    });
    expect(warnings).toEqual([]);
    expect(config.log.fields).toEqual({ team: 'a: b #c', cluster_name: '{x}', number: 7 });
    expect(config.auth?.htpasswd).toMatchObject({ realm: 'Registry: #1', path: '/etc/*' });
    expect(config.http).toMatchObject({ listen: { port: 5001 }, secret: 'a: b' });
    expect(config.http.headers).toEqual({ 'x-team': ['ci #1'], 'x-many': ['a', 'b #c'], 'x-item': ['*'] });
    expect(config.auth?.groups).toEqual({ core_team: ['alice'], ops: ['bob'] });
  });

  it('sets the header or field of the file with this name', async () => {
    const { config } = await load(`${MINIMAL}http: {headers: {X-Team: [a]}}\nlog: {fields: {cluster-name: a}}\n`, {
      REGISTRY_HTTP_HEADERS_X_TEAM: 'b',
      REGISTRY_LOG_FIELDS_CLUSTER_NAME: 'b',
    });
    expect(config.http.headers).toEqual({ 'X-Team': ['b'] });
    expect(config.log.fields).toEqual({ 'cluster-name': 'b' });
  });

  it('sets no prefix with two quotes, and nothing when it is empty', async () => {
    const env = { REGISTRY_PROXY_UPSTREAMS_0_REMOTEURL: 'https://a.example' };
    const prefix = async (text: string) =>
      (await load(MINIMAL, { ...env, REGISTRY_PROXY_UPSTREAMS_0_STOREPREFIX: text })).config.proxy?.upstreams[0]
        ?.storePrefix;
    expect(await prefix("''")).toBe('');
    expect(await prefix('')).toBe('a.example');
  });
});

describe('numbers, durations and lists in a variable', () => {
  it('are YAML', async () => {
    const { config } = await load(MINIMAL, {
      REGISTRY_CATALOG_MAXENTRIES: '"7" # pages',
      REGISTRY_HTTP_DRAINTIMEOUT: ' 5s ',
      REGISTRY_HTTP_RELATIVEURLS: 'yes # please',
      REGISTRY_HTTP_TRUSTEDPROXIES: '[10.0.0.1, "fd00::1"]',
      REGISTRY_TAGS_MAXTAGS: '~',
    });
    expect(config).toMatchObject({
      catalogMaxEntries: 7,
      http: { drainTimeoutMs: 5000, relativeUrls: true, trustedProxies: ['10.0.0.1', 'fd00::1'] },
    });
  });
});

describe('variables of other programs', () => {
  const service = (name: string) => ({
    [`${name}_SERVICE_HOST`]: '10.0.0.7',
    [`${name}_SERVICE_PORT`]: '5000',
    [`${name}_SERVICE_PORT_HTTP_API`]: '5000',
    [`${name}_PORT`]: 'tcp://10.0.0.7:5000',
    [`${name}_PORT_5000_TCP`]: 'tcp://10.0.0.7:5000',
    [`${name}_PORT_5000_TCP_PROTO`]: 'tcp',
    [`${name}_PORT_5000_TCP_PORT`]: '5000',
    [`${name}_PORT_5000_TCP_ADDR`]: '10.0.0.7',
  });

  it.each([
    'REGISTRY',
    'REGISTRY_UI',
    'REGISTRY_AUTH',
    'REGISTRY_AUTH_TOKEN',
    'REGISTRY_STORAGE',
    'REGISTRY_STORAGE_INMEMORY',
    'REGISTRY_HTTP',
    'REGISTRY_HTTP_HEADERS',
    'REGISTRY_LOG_FIELDS',
    'REGISTRY_PROXY_UPSTREAMS',
    'REGISTRY_HEALTH_FILE',
    'REGISTRY_AUTH_PORT',
  ])('of a Service called %s are ignored, and reported in one line', async (name) => {
    const plain = await load(MINIMAL);
    const { config, warnings, notices } = await load(MINIMAL, service(name));
    expect(config).toEqual(plain.config);
    expect(warnings).toEqual([]);
    expect(notices).toEqual([`${name}_PORT: set by Kubernetes for a Service, ignored (and 7 more like it)`]);
  });

  it('are ignored in an IPv6 cluster, and individually', async () => {
    const env = { REGISTRY_AUTH_SERVICE_HOST: 'fd00::7', REGISTRY_STORAGE_PORT: 'udp://[fd00::7]:53' };
    expect(await warningsOf(MINIMAL, env)).toEqual([]);
  });

  it('do not include keys that look like theirs', async () => {
    const { config } = await load(MINIMAL, {
      ...service('REGISTRY_HTTP'),
      REGISTRY_HTTP_ADDR: ':5003',
      REGISTRY_HTTP_HOST: 'http://10.0.0.7:5000',
      REGISTRY_LOG_FIELDS_PORT: 'tcp://10.0.0.9:1',
      REGISTRY_LOG_FIELDS_SERVICE_HOST: '10.0.0.9',
    });
    expect(config.http).toMatchObject({ listen: { port: 5003 }, host: 'http://10.0.0.7:5000' });
    expect(config.log.fields).toEqual({ port: 'tcp://10.0.0.9:1', service_host: '10.0.0.9' });
  });

  it('are not those with a value that Kubernetes never sets: an unknown driver is still an error', async () => {
    expect(await problemsOf(MINIMAL, { REGISTRY_AUTH_PORT: '5000' })).toEqual([
      expect.stringContaining('REGISTRY_AUTH_PORT auth.port: unknown key "port"'),
    ]);
  });

  it("are podman's REGISTRY_AUTH_FILE", async () => {
    const { config, warnings, notices } = await load(MINIMAL, { REGISTRY_AUTH_FILE: '/run/auth.json' });
    expect(config.auth).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(notices).toEqual(['REGISTRY_AUTH_FILE: set for podman, buildah and skopeo, ignored']);
  });
});
