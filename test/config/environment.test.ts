import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { load, MINIMAL, problemsOf, warningsOf, STORAGE_DEFAULTS } from './config-file.ts';

const FILE = `version: 0.1
storage: {filesystem: {rootdirectory: /data}, maintenance: {readonly: {enabled: true}}}
log: {fields: {Environment: test}}
http: {addr: ":5000", headers: {X-One: [a]}}
`;

const EMPTY_GUARD = 'is empty, which would turn access control off (unset the variable, or set it to null to do that)';

describe('a REGISTRY_ variable', () => {
  it('overrides a value of the file, and adds missing ones', async () => {
    const { config, warnings } = await load(FILE, {
      REGISTRY_HTTP_ADDR: '127.0.0.1:6000',
      REGISTRY_HTTP_DEBUG_ADDR: 'localhost:5001',
      REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
      REGISTRY_HTTP_DRAINTIMEOUT: '5s',
      REGISTRY_LOG_LEVEL: 'debug',
      REGISTRY_CATALOG_MAXENTRIES: '7',
      PATH: '/bin',
      registry_http_addr: ':1',
    });
    expect(warnings).toEqual([]);
    expect(config.http.listen).toEqual({ net: 'tcp', host: '127.0.0.1', port: 6000 });
    expect(config.http.debug).toEqual({
      listen: { net: 'tcp', host: 'localhost', port: 5001 },
      hosts: [],
      prometheusPath: '/metrics',
    });
    expect(config.http.drainTimeoutMs).toBe(5000);
    expect(config.log.level).toBe('debug');
    expect(config.catalogMaxEntries).toBe(7);
  });

  it('is YAML, so it can set lists and whole sections', async () => {
    const { config } = await load(FILE, {
      REGISTRY_HTTP: '{addr: ":7000", headers: {X-Two: [b]}}',
      'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['*']",
      REGISTRY_LOG_FIELDS: '{a: 1, b: yes}',
    });
    expect(config.http.listen).toMatchObject({ port: 7000 });
    expect(config.http.headers).toEqual({ 'X-Two': ['b'], 'access-control-allow-origin': ['*'] });
    expect(config.log.fields).toEqual({ a: 1, b: 'yes' });
  });

  it('makes keys of a map in lower case, and finds those of the file in any case', async () => {
    const { config } = await load(FILE, {
      REGISTRY_LOG_FIELDS_ENVIRONMENT: 'production',
      REGISTRY_LOG_FIELDS_SERVICE: 'registry',
      'REGISTRY_HTTP_HEADERS_X-ONE': '[b]',
    });
    expect(config.log.fields).toEqual({ Environment: 'production', service: 'registry' });
    expect(config.http.headers).toEqual({ 'X-One': ['b'] });
  });

  it('that is empty removes the value', async () => {
    const { config } = await load(FILE, { REGISTRY_HTTP_ADDR: '', REGISTRY_LOG_FIELDS: undefined });
    expect(config.http.listen).toMatchObject({ port: 5000 });
    expect(config.log.fields).toEqual({ Environment: 'test' });
  });

  it('is applied after one whose name is the start of its name', async () => {
    const { config } = await load(FILE, {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/other',
      REGISTRY_STORAGE: 'filesystem',
    });
    // REGISTRY_STORAGE replaces the whole section, maintenance too.
    expect(config.storage).toEqual({
      driver: { kind: 'filesystem', rootDirectory: '/other', durability: 'full' },
      ...STORAGE_DEFAULTS,
    });
  });

  it('sets an option of the driver', async () => {
    const { config } = await load(FILE, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/other' });
    expect(config.storage).toEqual({
      driver: { kind: 'filesystem', rootDirectory: '/other', durability: 'full' },
      ...STORAGE_DEFAULTS,
      readOnly: true,
    });
    const changed = await load(FILE, { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'false' });
    expect(changed.config.storage.readOnly).toBe(false);
  });

  it('REGISTRY_STORAGE=inmemory replaces the driver', async () => {
    const { config } = await load(FILE, { REGISTRY_STORAGE: 'inmemory' });
    expect(config.storage.driver).toEqual({ kind: 'inmemory' });
  });

  it('for a second driver is an error that suggests REGISTRY_STORAGE', async () => {
    expect(await problemsOf(FILE, { REGISTRY_STORAGE_INMEMORY_X: '1' })).toEqual([
      'REGISTRY_STORAGE_INMEMORY_X storage.inmemory: more than one storage driver (filesystem, inmemory): keep one; to replace the driver of the file from the environment, set REGISTRY_STORAGE=inmemory first',
    ]);
    const azure = await problemsOf(FILE, { REGISTRY_STORAGE: 'azure', REGISTRY_STORAGE_AZURE_CONTAINER: 'b' });
    expect(azure).toEqual([
      'REGISTRY_STORAGE storage.azure: not supported by this version; use filesystem, inmemory, s3, gcs or oss',
    ]);
  });

  it('names Go fields where they differ from the keys of the file', async () => {
    const { config, warnings } = await load(MINIMAL, {
      REGISTRY_HEALTH_FILECHECKERS_0_FILE: '/tmp/down',
      REGISTRY_HEALTH_HTTPCHECKERS_0_URI: 'http://a.example/',
      REGISTRY_HEALTH_HTTPCHECKERS_0_STATUSCODE: '204',
      REGISTRY_HEALTH_TCPCHECKERS: '[{addr: "a:1"}]',
      REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES: 'true',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME: 'audit',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL: 'http://a.example/events',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_Authorization: '[Bearer x]',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_IGNORE_ACTIONS: '[pull]',
      REGISTRY_LOG_HOOKS_0_MAILOPTIONS_SMTP_ADDR: 'mail:25',
    });
    expect(config.health.files).toEqual([{ path: '/tmp/down', intervalMs: 10_000 }]);
    expect(config.health.http).toMatchObject([{ uri: 'http://a.example/', statusCode: 204 }]);
    expect(config.health.tcp).toMatchObject([{ address: 'a:1' }]);
    expect(config.notifications).toMatchObject({
      includeReferences: true,
      endpoints: [{ name: 'audit', headers: { authorization: 'Bearer x' }, ignoredActions: ['pull'] }],
    });
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual([
      'REGISTRY_LOG_HOOKS_0_MAILOPTIONS_SMTP_ADDR log.hooks',
    ]);
  });

  it.each([
    ['REGISTRY_HTTP_ADR', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_HTP_ADDR', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_HEALTH_FILES_0_FILE', 'REGISTRY_HEALTH_FILE_0_FILE'],
    ['REGISTRY_HEALTH_FILECHECKER_0_FILE', 'REGISTRY_HEALTH_FILECHECKERS_0_FILE'],
    ['REGISTRY_HTTP_ADDR_X', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_http_ADDR', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_PROXY_REMOTE_URL', 'REGISTRY_PROXY_REMOTEURL_URL'],
  ])('%s is ignored, and %s is suggested', async (variable, nearest) => {
    expect(await warningsOf(MINIMAL, { [variable]: '1' })).toEqual([
      `${variable}: unknown variable, ignored; did you mean ${nearest}?`,
    ]);
  });

  it.each([
    [
      'REGISTRY_HEALTH_TCPCHECKERS_1_ADDR',
      'a:1',
      'there is no entry 1: the list has 0 entries (use index 0 to append one)',
    ],
    ['REGISTRY_HEALTH_TCPCHECKERS_X_ADDR', 'a:1', '"X" must be the index of an entry, from 0 to 0'],
    ['REGISTRY_HEALTH_TCPCHECKERS_-1_ADDR', 'a:1', '"-1" must be the index of an entry, from 0 to 0'],
    ['REGISTRY_PROXY_HOSTED', '[', 'not valid YAML: Flow sequence must end with a ]'],
    ['REGISTRY_HTTP', '{addr: a, addr: b}', '"addr" is also set before (remove one of the two)'],
    ['REGISTRY_PROXY_TTL', '!soon', 'text that starts with ! must be in quotes'],
    ['REGISTRY_AUTH', '', EMPTY_GUARD],
    ['REGISTRY_AUTH_POLICY', ' ', EMPTY_GUARD],
    ['REGISTRY_HTTP_TLS_CLIENTCAS', '', EMPTY_GUARD],
  ])('%s=%s is an error with its name', async (variable, value, problem) => {
    expect(await problemsOf(MINIMAL, { [variable]: value })).toEqual([`${variable}: ${problem}`]);
  });

  it('with a wrong value is an error with its name and the key', async () => {
    const env = {
      REGISTRY_HTTP_DRAINTIMEOUT: 'soon',
      REGISTRY_STORAGE_FILESYTEM_ROOTDIRECTORY: '/data',
      REGISTRY_AUTH_HTPASSWD_PATH: '/etc/htpasswd',
      REGISTRY_PROXY_PASSWORD: 'a: b',
    };
    expect(await problemsOf(MINIMAL, env)).toEqual([
      'REGISTRY_AUTH_HTPASSWD_PATH auth.htpasswd.realm: is required',
      'REGISTRY_HTTP_DRAINTIMEOUT http.draintimeout: must be a duration such as 30s, 10m or 168h',
      'REGISTRY_PROXY_PASSWORD proxy.password: is for the default upstream, and no upstream is the default (set default: true at one of proxy.upstreams)',
      'REGISTRY_STORAGE_FILESYTEM_ROOTDIRECTORY storage.filesytem: unknown key "filesytem", did you mean "filesystem"?',
    ]);
  });

  it('does not hide problems of the file', async () => {
    expect(await problemsOf('version: 0.1\nstorage: inmemory\nhttp: 5\n', { REGISTRY_HTTP_ADDR: ':1' })).toEqual([
      'config.yml:3:7 http: must be a mapping of keys to values',
    ]);
  });
});

describe('upstreams in the environment', () => {
  it('are appended by index, more than ten of them', async () => {
    const env = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`REGISTRY_PROXY_UPSTREAMS_${i}_REMOTEURL`, `https://r${i}.example`]),
    );
    const { config } = await load(MINIMAL, {
      ...env,
      REGISTRY_PROXY_UPSTREAMS_1_NAME: 'one',
      REGISTRY_PROXY_UPSTREAMS_1_MIRRORS_0: 'https://m.example',
      REGISTRY_PROXY_UPSTREAMS_1_CREDENTIALS_0_USERNAME: 'me',
      REGISTRY_PROXY_UPSTREAMS_1_CREDENTIALS_0_PASSWORD: 'secret',
      REGISTRY_PROXY_UPSTREAMS_1_TAGS_TTL: '1d',
    });
    expect(config.proxy?.upstreams).toHaveLength(12);
    expect(config.proxy?.upstreams[11]).toMatchObject({ name: 'r11.example', remoteUrl: 'https://r11.example' });
    expect(config.proxy?.upstreams[1]).toMatchObject({
      name: 'one',
      mirrors: ['https://m.example'],
      credentials: [{ kind: 'static', username: 'me', password: 'secret' }],
      tags: { ttlMs: 86_400_000 },
    });
  });

  it('change those of the built-in default', async () => {
    const { config } = await loadConfig({
      env: {
        REGISTRY_PROXY_UPSTREAMS_0_REMOTEURL: 'http://127.0.0.1:5999',
        REGISTRY_PROXY_USERNAME: 'me',
        REGISTRY_PROXY_PASSWORD: 'secret',
        REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
      },
    });
    expect(config.storage.driver).toEqual({ kind: 'filesystem', rootDirectory: '/data', durability: 'full' });
    expect(config.proxy?.upstreams).toHaveLength(7);
    expect(config.proxy?.upstreams.map(({ credentials }) => credentials.length)).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(config.proxy?.upstreams[0]).toMatchObject({ name: 'docker.io', remoteUrl: 'http://127.0.0.1:5999' });
  });

  it('REGISTRY_PROXY_REMOTEURL alone makes a mirror of one registry, as with distribution', async () => {
    const { config } = await loadConfig({ env: { REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io' } });
    expect(config.proxy?.upstreams).toMatchObject([{ name: 'docker.io', storePrefix: '', isDefault: true }]);
  });
});
