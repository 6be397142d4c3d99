import { describe, expect, it } from 'vitest';
import { load, warningsOf } from './config-file.ts';

/** Every key of distribution 3, except for the other storage drivers and authentication. */
const EVERYTHING = `
version: 0.1
log:
  accesslog: {disabled: true}
  level: debug
  formatter: text
  fields: {service: registry, environment: staging}
  reportcaller: true
  hooks:
    - type: mail
      disabled: true
      levels: [panic]
      options:
        smtp: {addr: "mail.example.com:25", username: mailuser, password: password, insecure: true}
        from: sender@example.com
        to: [errors@example.com]
loglevel: debug
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100, useragent: a}
  tag: {concurrencylimit: 8}
  delete: {enabled: false}
  redirect: {disable: false}
  cache: {blobdescriptor: redis, layerinfo: redis, blobdescriptorsize: 10000}
  maintenance:
    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}
    readonly: {enabled: false}
auth: none
middleware:
  registry: [{name: ARegistryMiddleware, disabled: true, options: {foo: bar}}]
  repository: [{name: ARepositoryMiddleware, options: {foo: {bar: [1]}}}]
  storage:
    - {name: redirect, options: {baseurl: "https://example.com/"}}
    - {name: cloudfront, options: {baseurl: "https://a.example/", privatekey: /path/to/pem, keypairid: K1, duration: 3000s}}
http:
  addr: localhost:5000
  net: tcp
  prefix: /my/nested/registry/
  host: https://myregistryaddress.org:5000
  secret: asecretforlocaldevelopment
  relativeurls: false
  draintimeout: 60s
  tls:
    certificate: /path/to/x509/public
    key: /path/to/x509/private
    clientcas: [/path/to/ca.pem, /path/to/another/ca.pem]
    clientauth: require-and-verify-client-cert
    minimumtls: tls1.2
    ciphersuites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
    letsencrypt: {}
  debug:
    addr: localhost:5001
    prometheus: {enabled: true, path: /metrics}
  headers: {X-Content-Type-Options: [nosniff]}
  http2: {disabled: false}
  h2c: {enabled: false}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers: {Authorization: [Bearer token]}
      timeout: 1s
      threshold: 10
      backoff: 1s
      ignoredmediatypes: [application/octet-stream]
      ignore: {mediatypes: [application/octet-stream], actions: [pull]}
redis:
  addrs: [localhost:6379]
  clientname: a
  db: 0
  protocol: 3
  username: a
  password: asecret
  sentinelusername: a
  sentinelpassword: a
  maxretries: 3
  minretrybackoff: 8ms
  maxretrybackoff: 512ms
  dialtimeout: 10ms
  readtimeout: 10ms
  writetimeout: -1
  contexttimeoutenabled: true
  poolfifo: true
  poolsize: 64
  pooltimeout: 1s
  minidleconns: 1
  maxidleconns: 16
  maxactiveconns: 64
  connmaxidletime: 300s
  connmaxlifetime: 1h
  maxredirects: 3
  readonly: false
  routebylatency: false
  routerandomly: false
  mastername: a
  disableidentity: false
  identitysuffix: a
  unstableresp3: false
  tls: {certificate: /path/to/cert.crt, key: /path/to/key.pem, rootcas: [/path/to/ca.pem]}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file: [{file: /path/to/checked/file, interval: 10s, threshold: 1}]
  http:
    - uri: http://server.to.check/must/return/200
      headers: {Authorization: [Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==]}
      statuscode: 200
      timeout: 3s
      interval: 10s
      threshold: 3
  tcp: [{addr: "redis-server.domain.com:6379", timeout: 3s, interval: 10s, threshold: 3}]
catalog: {maxentries: 1000}
tags: {maxtags: 1000}
proxy:
  remoteurl: https://registry-1.docker.io
  username: username
  password: password
  exec: {command: docker-credential-helper, lifetime: 1h}
  ttl: 168h
  cachewritetimeout: 5m
validation:
  enabled: false
  disabled: true
  manifests:
    urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://www\\.example\\.com/']}
    indexes: {platforms: list, platformlist: [{architecture: amd64, os: linux}]}
policy: {repository: {classes: [image, plugin]}}
`;

/** The file in the image of registry:2. */
const VERSION_2 = `
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`;

/** Keys that version 3 removed. */
const REMOVED = `
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
redis:
  addr: localhost:6379
  pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}
  tls: {enabled: false}
reporting: {bugsnag: {apikey: k}, newrelic: {licensekey: k, verbose: true}}
compatibility: {schema1: {signingkeyfile: k, enabled: true}}
`;

describe('a file written for distribution', () => {
  it('is accepted with every key, with warnings for those without effect', async () => {
    const warnings = await warningsOf(EVERYTHING);
    expect(warnings.map((warning) => /^\S+ (\S+): /.exec(warning)?.[1])).toEqual([
      'log.reportcaller',
      'log.hooks',
      'loglevel',
      'storage.filesystem.maxthreads',
      'storage.tag.concurrencylimit',
      'middleware.registry',
      'middleware.repository',
      'redis.maxretries',
      'redis.minretrybackoff',
      'redis.maxretrybackoff',
      'redis.writetimeout',
      'redis.poolfifo',
      'redis.poolsize',
      'redis.pooltimeout',
      'redis.minidleconns',
      'redis.maxidleconns',
      'redis.maxactiveconns',
      'redis.connmaxidletime',
      'redis.connmaxlifetime',
      'proxy.cachewritetimeout',
    ]);
  });

  it('is accepted unchanged from the image of registry:2', async () => {
    const { config } = await load(VERSION_2);
    expect(config.storage.driver).toEqual({
      kind: 'filesystem',
      rootDirectory: '/var/lib/registry',
      durability: 'full',
    });
    expect(config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 5000 });
    expect(config.http.headers).toEqual({ 'X-Content-Type-Options': ['nosniff'] });
    expect(config.health.storageDriver).toEqual({ enabled: true, intervalMs: 10_000, threshold: 3 });
    expect(config.log.fields).toEqual({ service: 'registry' });
  });

  it('is accepted with the keys of version 2 alone', async () => {
    expect((await warningsOf(REMOVED)).map((warning) => warning.split(': ')[0])).toEqual([
      'config.yml:6:3 redis.pool',
      'config.yml:8:1 reporting',
      'config.yml:9:1 compatibility',
    ]);
  });
});
