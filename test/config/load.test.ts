import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configFile, load, MINIMAL, warningsOf, PUSH_DEFAULTS, STORAGE_DEFAULTS } from './config-file.ts';

const AUDIT_DEFAULTS = { keepMs: 30 * 86_400_000, maxBytes: 64 * 1024 * 1024, addresses: 'full' };

const LIMIT_DEFAULTS = {
  headerMs: 60_000,
  stallMs: 120_000,
  idleMs: 75_000,
  maxManifestBytes: 4 * 1024 * 1024,
  maxBlobBytes: 0,
  maxRequestsPerClient: 1000,
  maxConnections: 10_000,
  maxConnectionsPerClient: 2500,
};

describe('where the configuration comes from', () => {
  it('is the file that is named, before the one in REGISTRY_CONFIGURATION_PATH', async () => {
    await using named = await configFile(`${MINIMAL}http: {addr: ":1"}\n`);
    await using inEnvironment = await configFile(`${MINIMAL}http: {addr: ":2"}\n`);
    const env = { REGISTRY_CONFIGURATION_PATH: inEnvironment.path };

    const both = await loadConfig({ file: named.path, env });
    expect(both.source).toBe(named.path);
    expect(both.config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 1 });

    const one = await loadConfig({ env });
    expect(one.source).toBe(inEnvironment.path);
    expect(one.config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 2 });
    expect(one.warnings).toEqual([]);
  });

  it('is a default of seven registries on port 5000 when nothing is named', async () => {
    const { config, source, warnings } = await loadConfig({ env: {} });
    expect(source).toBe('built-in default');
    expect(warnings).toEqual([]);
    expect(config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 5000 });
    expect(config.storage).toEqual({
      driver: { kind: 'filesystem', rootDirectory: './data', durability: 'full' },
      ...STORAGE_DEFAULTS,
    });
    expect(config.proxy?.upstreams.map(({ name, storePrefix, isDefault }) => [name, storePrefix, isDefault])).toEqual([
      ['docker.io', 'docker.io', true],
      ['ghcr.io', 'ghcr.io', false],
      ['quay.io', 'quay.io', false],
      ['registry.k8s.io', 'registry.k8s.io', false],
      ['gcr.io', 'gcr.io', false],
      ['mcr.microsoft.com', 'mcr.microsoft.com', false],
      ['public.ecr.aws', 'public.ecr.aws', false],
    ]);
    expect(config.proxy?.upstreams[0]).toMatchObject({
      remoteUrl: 'https://registry-1.docker.io',
      aliases: ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'],
      library: true,
    });
  });

  it("is the caller's default, if there is one", async () => {
    await using defaults = await configFile(MINIMAL);
    const { config, source } = await loadConfig({ env: {}, defaults: defaults.path });
    expect(source).toBe('built-in default');
    expect(config.proxy).toBeUndefined();
  });

  it('is an error when the file does not exist', async () => {
    await using file = await configFile(MINIMAL);
    await rm(file.path);
    await expect(loadConfig({ file: file.path, env: {} })).rejects.toThrow('cannot be read (ENOENT)');
  });
});

describe('a configuration', () => {
  it('has the defaults of distribution, but waits for requests in progress', async () => {
    const { config } = await load(MINIMAL);
    expect(config).toEqual({
      log: { level: 'info', format: 'text', fields: {}, accessLog: true },
      storage: { driver: { kind: 'inmemory' }, ...STORAGE_DEFAULTS, indexLocation: 'local' },
      descriptors: { shared: false, maxEntries: 50_000 },
      http: {
        listen: { net: 'tcp', host: undefined, port: 5000 },
        workers: 1,
        prefix: '/',
        host: undefined,
        relativeUrls: undefined,
        trustedProxies: [],
        http2: { secure: true, cleartext: false },
        limits: LIMIT_DEFAULTS,
        headers: {},
        drainTimeoutMs: 30_000,
        drainDelayMs: 0,
        tls: undefined,
        debug: undefined,
      },
      health: {
        storageDriver: { enabled: false, intervalMs: 10_000, threshold: 1 },
        files: [],
        http: [],
        tcp: [],
        redis: { enabled: true, fatal: false, intervalMs: 10_000, threshold: 1 },
        upstreams: {
          enabled: true,
          fatal: false,
          probe: false,
          timeoutMs: 10_000,
          intervalMs: 10_000,
          threshold: 1,
        },
      },
      catalogMaxEntries: 1000,
      tagsMaxEntries: 1000,
      proxy: undefined,
      push: PUSH_DEFAULTS,
      redis: undefined,
      tracing: undefined,
      admin: { listen: undefined, hosts: [], clients: 'full', token: undefined, tokenFile: undefined },
      audit: { ...AUDIT_DEFAULTS, directory: undefined },
      deny: { digests: [], names: [], file: undefined },
      ui: { hosts: [], signIn: {} },
    });
  });

  it('is read completely', async () => {
    const { config } = await load(`
version: 0.1
log: {level: WARN, formatter: logstash, accesslog: {disabled: true}, fields: {service: registry, shard: 3, canary: true, build: "007"}}
storage: {filesystem: {rootdirectory: /data}, maintenance: {readonly: {enabled: true}}}
http:
  addr: '[::1]:5443'
  prefix: /registry/
  host: https://registry.example.com:8443/ignored
  relativeurls: true
  trustedproxies: [10.0.0.0/8, "FD00::1", unix]
  draintimeout: 0
  draindelay: 5s
  headers: {X-Content-Type-Options: [nosniff], X-Two: [a, b], X-Plain: c}
  debug: {addr: localhost:5001, prometheus: {enabled: true}}
  tls: {certificate: cert.pem, key: key.pem, clientcas: [ca.pem], clientauth: verify-client-cert-if-given, minimumtls: tls1.3}
health:
  storagedriver: {enabled: true, interval: 1m, threshold: 3}
  file: [{file: /tmp/down}, {file: /tmp/out, interval: 5s}]
  http: [{uri: "http://a.example/", headers: {Accept: [a, b]}, statuscode: 204, timeout: 3s, interval: 20s, threshold: 2}]
  tcp: [{addr: "redis:6379", timeout: 1s}]
  redis: {enabled: false, fatal: true, interval: 1s, threshold: 4}
  upstreams: {fatal: true, probe: true, timeout: 2s, interval: 1m, threshold: 5}
catalog: {maxentries: 50}
tags: {maxtags: 60}
`);
    expect(config).toEqual({
      log: {
        level: 'warn',
        format: 'logstash',
        accessLog: false,
        fields: { service: 'registry', shard: 3, canary: true, build: '007' },
      },
      storage: {
        driver: { kind: 'filesystem', rootDirectory: '/data', durability: 'full' },
        ...STORAGE_DEFAULTS,
        readOnly: true,
      },
      descriptors: { shared: false, maxEntries: 50_000 },
      http: {
        listen: { net: 'tcp', host: '::1', port: 5443 },
        workers: 1,
        prefix: '/registry/',
        host: 'https://registry.example.com:8443',
        relativeUrls: true,
        trustedProxies: ['10.0.0.0/8', 'fd00::1', 'unix'],
        http2: { secure: true, cleartext: false },
        limits: LIMIT_DEFAULTS,
        headers: { 'X-Content-Type-Options': ['nosniff'], 'X-Two': ['a', 'b'], 'X-Plain': ['c'] },
        drainTimeoutMs: 0,
        drainDelayMs: 5000,
        tls: {
          certificate: 'cert.pem',
          key: 'key.pem',
          letsEncrypt: undefined,
          clientCas: ['ca.pem'],
          clientAuth: 'verify-client-cert-if-given',
          minimumVersion: 'TLSv1.3',
        },
        debug: { listen: { net: 'tcp', host: 'localhost', port: 5001 }, hosts: [], prometheusPath: '/metrics' },
      },
      health: {
        storageDriver: { enabled: true, intervalMs: 60_000, threshold: 3 },
        files: [
          { path: '/tmp/down', intervalMs: 10_000 },
          { path: '/tmp/out', intervalMs: 5000 },
        ],
        http: [
          {
            uri: 'http://a.example/',
            headers: { Accept: 'a, b' },
            statusCode: 204,
            timeoutMs: 3000,
            intervalMs: 20_000,
            threshold: 2,
          },
        ],
        tcp: [{ address: 'redis:6379', timeoutMs: 1000, intervalMs: 10_000, threshold: 1 }],
        redis: { enabled: false, fatal: true, intervalMs: 1000, threshold: 4 },
        upstreams: {
          enabled: true,
          fatal: true,
          probe: true,
          timeoutMs: 2000,
          intervalMs: 60_000,
          threshold: 5,
        },
      },
      catalogMaxEntries: 50,
      tagsMaxEntries: 60,
      proxy: undefined,
      push: PUSH_DEFAULTS,
      redis: undefined,
      tracing: undefined,
      admin: { listen: undefined, hosts: [], clients: 'full', token: undefined, tokenFile: undefined },
      audit: { ...AUDIT_DEFAULTS, directory: '/data/layover/pulls' },
      deny: { digests: [], names: [], file: undefined },
      ui: { hosts: [], signIn: {} },
      accessFile: '/data/layover/access.json',
    });
  });

  it('has no record of pulls with audit.keep off', async () => {
    const given = 'audit: {keep: 12h, maxsize: 1MiB, addresses: none, directory: /pulls}\n';
    expect((await load(`${MINIMAL}audit: {keep: off}\n`)).config.audit).toBeUndefined();
    expect((await load(MINIMAL + given)).config.audit).toEqual({
      keepMs: 12 * 3_600_000,
      maxBytes: 1024 * 1024,
      addresses: 'none',
      directory: '/pulls',
    });
  });

  it('has the record of pulls next to an index that is elsewhere', async () => {
    const given = 'storage: {filesystem: {rootdirectory: /data}, index: {directory: /index}}\n';
    expect((await load(`version: 0.1\n${given}`)).config.audit?.directory).toBe('/index/pulls');
  });

  it.each([
    ['keep: 0', 'audit.keep'],
    ['keep: never', 'audit.keep'],
    ['keep: -1h', 'audit.keep'],
    ['maxsize: 1KiB', 'audit.maxsize'],
    ['addresses: some', 'audit.addresses'],
  ])('reports audit: {%s}', async (line, key) => {
    await expect(load(`${MINIMAL}audit: {${line}}\n`)).rejects.toThrow(key);
  });

  it.each([
    ['a path with net: unix', '{net: unix, addr: /run/layover.sock}', { net: 'unix', path: '/run/layover.sock' }],
    ['a colon and port in a flow mapping', '{addr: :5001}', { net: 'tcp', host: undefined, port: 5001 }],
  ])('listens on %s', async (_what, http, listen) => {
    const { config } = await load(`${MINIMAL}http: ${http}\n`);
    expect(config.http.listen).toEqual(listen);
  });

  it("accepts the filesystem driver without options, with distribution's directory", async () => {
    for (const storage of ['filesystem', '{filesystem: }', '{filesystem: {}}', '{filesystem: {rootdirectory: ""}}']) {
      const { config } = await load(`version: 0.1\nstorage: ${storage}\n`);
      expect(config.storage.driver).toEqual({
        kind: 'filesystem',
        rootDirectory: '/var/lib/registry',
        durability: 'full',
      });
    }
  });

  it('treats empty keys as absent', async () => {
    const { config, warnings } = await load(
      `${MINIMAL}log:\nhttp: {addr: , host: ""}\nproxy: {remoteurl: ""}\nauth: ~\nredis: {}\ncatalog: {maxentries: 0}\n`,
    );
    expect(config).toEqual((await load(MINIMAL)).config);
    expect(warnings).toEqual([]);
  });

  it('follows anchors and merges', async () => {
    const { config } = await load(
      `${MINIMAL}health:\n  tcp:\n    - &first {addr: "a:1", interval: 1s, timeout: 2s}\n    - {<<: *first, addr: "b:2"}\n    - <<: [{addr: "c:3"}, *first]\n`,
    );
    expect(config.health.tcp.map(({ address, timeoutMs }) => [address, timeoutMs])).toEqual([
      ['a:1', 2000],
      ['b:2', 2000],
      ['c:3', 2000],
    ]);
  });

  it('keeps text as it was written, even when it looks like a number', async () => {
    const { config } = await load(
      `${MINIMAL}proxy: {remoteurl: "https://a.example", username: 0123, password: 1.10}\n`,
    );
    expect(config.proxy?.upstreams[0]?.credentials).toEqual([{ kind: 'static', username: '0123', password: '1.10' }]);
  });
});

describe('a warning', () => {
  it.each([
    ['loglevel: debug', 'loglevel: deprecated: use log.level'],
    ['log: {hooks: [{type: mail}]}', 'log.hooks: not honoured by this version: no mail is sent'],
    ['log: {reportcaller: true}', 'log.reportcaller: not honoured by this version: lines do not name the source code'],
    [
      'middleware: {registry: [{name: a}]}',
      'middleware.registry: not honoured by this version: no middleware is loaded',
    ],
    ['http: {debug: {prometheus: {enabled: true}}}', 'http.debug.prometheus: has no effect without http.debug.addr'],
  ])('is given for %s, with its position', async (line, warning) => {
    const [only, ...others] = await warningsOf(`${MINIMAL}${line}\n`);
    expect(others).toEqual([]);
    expect(only).toMatch(/^config\.yml:3:\d+ /);
    expect(only?.replace(/^\S+ /, '')).toBe(warning);
  });

  it('is given for a duration without a unit, which means nanoseconds in distribution', async () => {
    const text = `${MINIMAL}proxy: {remoteurl: "https://a.example", ttl: 168}\nhealth: {tcp: [{addr: "a:1", interval: +10, timeout: 0}]}\n`;
    expect(await warningsOf(text)).toEqual([
      'config.yml:3:46 proxy.ttl: 168 means 168 nanoseconds, as in distribution; add a unit, such as 168s or 168h',
      'config.yml:4:40 health.tcp[0].interval: +10 means +10 nanoseconds, as in distribution; add a unit, such as +10s or +10h',
    ]);
    expect(await warningsOf(MINIMAL, { REGISTRY_HTTP_DRAINTIMEOUT: '30' })).toEqual([
      'REGISTRY_HTTP_DRAINTIMEOUT http.draintimeout: 30 means 30 nanoseconds, as in distribution; add a unit, such as 30s or 30h',
    ]);
  });

  it('is given for ignored keys of the storage section', async () => {
    const text = `version: 0.1
storage:
  filesystem: {maxthreads: 100}
  tag: {concurrencylimit: 8}
  cache: {blobdescriptor: inmemory}
  maintenance: {uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}}
  quota: {size: 200GiB, low: 0.8, pins: ["docker.io/library/*:lts"]}
`;
    expect((await warningsOf(text)).map((warning) => warning.split(': ')[0])).toEqual([
      'config.yml:3:16 storage.filesystem.maxthreads',
      'config.yml:4:9 storage.tag.concurrencylimit',
    ]);
  });

  it.each([
    'auth: none',
    'auth: {none: {}}',
    'proxy: {ttl: 0}',
    'proxy: {ttl: -1s}',
    'http: {http2: {disabled: true}, h2c: {enabled: false}}',
    'log: {reportcaller: no}',
  ])('is not given for %s, which sets the behaviour that applies anyway', async (line) => {
    expect(await warningsOf(`${MINIMAL}${line}\n`)).toEqual([]);
  });
});
