import { describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../src/config/config.ts';
import { load, MINIMAL, problemsOf, warningsOf } from './config-file.ts';

async function proxyOf(yaml: string): Promise<ProxyConfig | undefined> {
  return (await load(`${MINIMAL}proxy: ${yaml}\n`)).config.proxy;
}

/** Problems of a proxy section on the file's third line, without file and line. */
async function proxyProblems(yaml: string): Promise<string[]> {
  return (await problemsOf(`${MINIMAL}proxy: ${yaml}\n`)).map((problem) => problem.replace('config.yml:3:', ''));
}

const DEFAULTS = {
  mirrors: [],
  credentials: [],
  tags: {
    ttlMs: 300_000,
    rules: [{ match: /^v?\d+\.\d+\.\d+/, ttlMs: 3_600_000, revalidate: 'background' }],
    revalidate: 'blocking',
    onNotFound: 'error',
    onDenied: 'error',
  },
  budget: {
    pool: 'order',
    reserve: { part: 0.2 },
    scarce: { part: 0.1 },
    fairShare: 0.25,
    waitMs: 0,
    onExhausted: 'error',
    requestsPerSecond: 0,
    assume: undefined,
  },
  timeouts: { connectMs: 2000, headersMs: 10_000, idleMs: 30_000 },
  allow: [],
  deny: [],
  tls: { caFile: undefined, insecure: false },
  httpProxy: undefined,
  passthrough: false,
};
const HUB_ALIASES = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];
const SHARED = {
  ttlMs: 604_800_000,
  background: { bytesPerSecond: undefined, concurrency: 4 },
  warm: [],
  checks: [],
  sync: [],
};
const ALONE = { directory: undefined, advertise: undefined };

describe('proxy.remoteurl', () => {
  it('makes a mirror of Docker Hub, stored without a prefix', async () => {
    expect(await proxyOf('{remoteurl: "https://registry-1.docker.io/"}')).toEqual({
      upstreams: [
        {
          ...DEFAULTS,
          name: 'docker.io',
          remoteUrl: 'https://registry-1.docker.io',
          aliases: HUB_ALIASES,
          library: true,
          isDefault: true,
          anyNamespace: true,
          storePrefix: '',
        },
      ],
      hosted: [],
      offline: false,
      ...SHARED,
      fills: {
        maxConcurrent: 32,
        maxPerUpstream: 32,
        minRate: 4096,
        maxSpoolBytes: 107_374_182_400,
        keepSpoolMs: 86_400_000,
        ...ALONE,
      },
    });
  });

  it('makes a mirror of any other registry, named after its host', async () => {
    const proxy = await proxyOf('{remoteurl: "http://127.0.0.1:5999/some/path//"}');
    expect(proxy?.upstreams).toEqual([
      {
        ...DEFAULTS,
        name: '127.0.0.1:5999',
        remoteUrl: 'http://127.0.0.1:5999/some/path',
        aliases: [],
        library: false,
        isDefault: true,
        anyNamespace: true,
        storePrefix: '',
      },
    ]);
  });

  it('uses username and password, or exec instead of them', async () => {
    const user = await proxyOf('{remoteurl: "https://a.example", username: u, password: p}');
    expect(user?.upstreams[0]?.credentials).toEqual([{ kind: 'static', username: 'u', password: 'p' }]);
    const exec = await proxyOf(
      '{remoteurl: "https://a.example", username: u, password: p, exec: {command: helper, lifetime: 1h}}',
    );
    expect(exec?.upstreams[0]?.credentials).toEqual([{ kind: 'exec', command: 'helper', lifetimeMs: 3_600_000 }]);
    const always = await proxyOf('{remoteurl: "https://a.example", exec: {command: helper, lifetime: 0}}');
    expect(always?.upstreams[0]?.credentials).toEqual([{ kind: 'exec', command: 'helper', lifetimeMs: 0 }]);
    const once = await proxyOf('{remoteurl: "https://a.example", exec: {command: helper}}');
    expect(once?.upstreams[0]?.credentials).toEqual([{ kind: 'exec', command: 'helper', lifetimeMs: undefined }]);
  });

  it('warns about a user name without a password', async () => {
    expect(await warningsOf(`${MINIMAL}proxy: {remoteurl: "https://a.example", username: u}\n`)).toEqual([
      'config.yml:3:41 proxy.username: has no effect without proxy.password: upstreams are used anonymously',
    ]);
  });

  it('leaves a quarter of the slots to the other upstreams', async () => {
    const two =
      'upstreams: [{name: a.example, remoteurl: "https://a.example", default: true}, {name: b.example, remoteurl: "https://b.example"}]';
    expect((await proxyOf(`{${two}}`))?.fills).toMatchObject({ maxConcurrent: 32, maxPerUpstream: 24 });
    const few = await proxyOf(`{${two}, fills: {maxconcurrent: 2, maxperupstream: 9, minrate: 0}}`);
    expect(few?.fills).toMatchObject({ maxConcurrent: 2, maxPerUpstream: 2, minRate: 0 });
  });

  it('and upstreams absent mean a registry without upstreams', async () => {
    expect(await proxyOf('{offline: true}')).toBeUndefined();
    expect(await proxyOf('{upstreams: []}')).toBeUndefined();
  });
});

describe('proxy.upstreams', () => {
  it('accepts every key', async () => {
    const { config } = await load(`${MINIMAL}
proxy:
  offline: true
  hosted: ["team/*"]
  fills: {maxconcurrent: 4, maxperupstream: 3, minrate: 1KiB, maxspool: 5GB, keepspool: 2d}
  upstreams:
    - name: docker.io
      remoteurl: https://registry-1.docker.io
      aliases: [hub.example, index.docker.io, docker.io]
      mirrors: [https://mirror.gcr.io/, {url: https://a.example}, {url: https://b.example, tags: true}]
      library: false
      default: true
      storeprefix: /mirror/hub/
      credentials:
        - {username: u, password: p}
        - {username: u, file: /run/secrets/p}
        - {file: /run/secrets/up}
        - {dockerconfig: /root/.docker/config.json}
        - {exec: docker-credential-pass, lifetime: 7d}
        - {name: acme, username: u, password: p, for: [acme/**]}
        - {anonymous: true}
      budget: {pool: most, reserve: 30, scarce: 5%, fairshare: 50%, wait: 3s, onexhausted: fallback, rate: 20/s, assume: {limit: 9, window: 1h}}
      tags: {ttl: 1m, rules: [{match: ^stable, ttl: 1d, revalidate: blocking}], revalidate: background, onnotfound: stale, ondenied: stale}
      timeouts: {connect: 1s, headers: 2s, idle: 3s}
      allow: ["library/*"]
      deny: ["library/evil"]
      tls: {ca: /etc/ssl/corp.pem, insecure: true}
      httpproxy: http://proxy.corp:3128
      push: "off"
`);
    expect(config.proxy).toEqual({
      offline: true,
      hosted: ['team/*'],
      ...SHARED,
      fills: {
        maxConcurrent: 4,
        maxPerUpstream: 3,
        minRate: 1024,
        maxSpoolBytes: 5e9,
        keepSpoolMs: 172_800_000,
        ...ALONE,
      },
      upstreams: [
        {
          name: 'docker.io',
          remoteUrl: 'https://registry-1.docker.io',
          aliases: ['hub.example', ...HUB_ALIASES],
          mirrors: ['https://mirror.gcr.io', { url: 'https://a.example', tags: false }, 'https://b.example'],
          library: false,
          isDefault: true,
          storePrefix: 'mirror/hub',
          credentials: [
            { kind: 'static', username: 'u', password: 'p' },
            { kind: 'file', username: 'u', path: '/run/secrets/p' },
            { kind: 'file', username: undefined, path: '/run/secrets/up' },
            { kind: 'dockerconfig', path: '/root/.docker/config.json' },
            { kind: 'exec', command: 'docker-credential-pass', lifetimeMs: 604_800_000 },
            { kind: 'static', username: 'u', password: 'p', name: 'acme', for: ['acme/**'] },
            { kind: 'anonymous' },
          ],
          budget: {
            pool: 'most',
            reserve: { pulls: 30 },
            scarce: { part: 0.05 },
            fairShare: 0.5,
            waitMs: 3000,
            onExhausted: 'fallback',
            requestsPerSecond: 20,
            assume: { limit: 9, windowMs: 3_600_000 },
          },
          tags: {
            ttlMs: 60_000,
            rules: [
              { match: expect.objectContaining({ source: '^stable' }), ttlMs: 86_400_000, revalidate: 'blocking' },
            ],
            revalidate: 'background',
            onNotFound: 'stale',
            onDenied: 'stale',
          },
          timeouts: { connectMs: 1000, headersMs: 2000, idleMs: 3000 },
          allow: ['library/*'],
          deny: ['library/evil'],
          tls: { caFile: '/etc/ssl/corp.pem', insecure: true },
          httpProxy: 'http://proxy.corp:3128',
          passthrough: false,
        },
      ],
    });
  });

  it.each([
    ['reserve: half', 'reserve: must be a number of pulls such as 20, or a part of the limit such as 20%'],
    ['scarce: 101%', 'scarce: must be a number of pulls such as 20, or a part of the limit such as 20%'],
    ['fairshare: 0%', 'fairshare: must be a percentage from 1% to 100%'],
    ['rate: fast', 'rate: must be a number of requests per second such as 20/s, or 0'],
    ['assume: {limit: 5}', 'assume.window: is required'],
  ])('refuses the budget %s', async (entry, problem) => {
    const problems = await proxyProblems(`{upstreams: [{remoteurl: "https://a.example", budget: {${entry}}}]}`);
    expect(problems.map((line) => line.replace(/^\d+ /, ''))).toEqual([`proxy.upstreams[0].budget.${problem}`]);
  });

  it('warns that pushes do not use the proxy of the environment', async () => {
    const text = (push: string) =>
      `version: 0.1\nstorage: {inmemory: {}}\nproxy: {upstreams: [{remoteurl: "https://a.example", push: ${push}}]}\n`;
    const env = { HTTPS_PROXY: 'http://secret@p' };
    const warning = ['proxy.upstreams: pushes to a.example are sent directly: HTTP_PROXY and HTTPS_PROXY do not apply'];
    expect(await warningsOf(text('passthrough'), env)).toEqual(warning);
    expect(await warningsOf(text('passthrough'), { HTTP_PROXY: 'http://p' })).toEqual([]);
    expect(await warningsOf(text('"off"'), env)).toEqual([]);
  });

  it('stores below the name, unless storeprefix is set', async () => {
    const proxy = await proxyOf(
      '{upstreams: [{remoteurl: "https://ghcr.io"}, {remoteurl: "https://quay.io", storeprefix: mirror/quay}, {remoteurl: "https://registry-1.docker.io"}]}',
    );
    expect(proxy?.upstreams.map(({ name, storePrefix }) => [name, storePrefix])).toEqual([
      ['ghcr.io', 'ghcr.io'],
      ['quay.io', 'mirror/quay'],
      ['docker.io', 'docker.io'],
    ]);
  });

  it('has a single one as default, unless it has default: false, and none of several', async () => {
    const defaults = async (yaml: string) => (await proxyOf(yaml))?.upstreams.map(({ isDefault }) => isDefault);
    expect(await defaults('{upstreams: [{remoteurl: "https://ghcr.io"}]}')).toEqual([true]);
    expect(await defaults('{upstreams: [{remoteurl: "https://ghcr.io", default: false}]}')).toEqual([false]);
    expect(await defaults('{upstreams: [{remoteurl: "https://a.example"}, {remoteurl: "https://b.example"}]}')).toEqual(
      [false, false],
    );
  });

  it('uses username and password for the default upstream only, before its own credentials', async () => {
    const proxy = await proxyOf(
      '{username: u, password: p, upstreams: [{remoteurl: "https://a.example"}, {remoteurl: "https://b.example", default: true, credentials: [{file: f}]}]}',
    );
    expect(proxy?.upstreams.map(({ credentials }) => credentials.map(({ kind }) => kind))).toEqual([
      [],
      ['static', 'file'],
    ]);
  });

  it.each([
    [
      'remoteurl next to the list',
      '{remoteurl: "https://a.example", upstreams: [{remoteurl: "https://b.example"}]}',
      ['9 proxy.remoteurl: excludes proxy.upstreams (add it to that list)'],
    ],
    [
      'two defaults',
      '{upstreams: [{remoteurl: "https://a.example", default: yes}, {remoteurl: "https://b.example", default: true}]}',
      ['111 proxy.upstreams[1].default: only one can be the default, and upstreams[0] is'],
    ],
    [
      'a name given twice',
      '{upstreams: [{name: a, remoteurl: "https://a.example"}, {name: a, remoteurl: "https://b.example"}]}',
      ['71 proxy.upstreams[1].name: a already means upstreams[0]'],
    ],
    [
      'an alias that is a name',
      '{upstreams: [{remoteurl: "https://a.example"}, {remoteurl: "https://b.example", aliases: [c, a.example]}]}',
      ['101 proxy.upstreams[1].aliases[1]: a.example already means upstreams[0]'],
    ],
    [
      'a name that is a known alias of Docker Hub',
      '{upstreams: [{name: docker.io, remoteurl: "https://a.example"}, {name: index.docker.io, remoteurl: "https://b.example"}]}',
      ['79 proxy.upstreams[1].name: index.docker.io already means upstreams[0]'],
    ],
    [
      'pushes that would bypass the proxy',
      '{upstreams: [{remoteurl: "https://a.example", httpproxy: "http://p", push: passthrough}]}',
      ['83 proxy.upstreams[0].push: pushes cannot go through httpproxy (remove one of the two)'],
    ],
    ['no remoteurl', '{upstreams: [{name: a}]}', ['21 proxy.upstreams[0].remoteurl: is required']],
    [
      'no URL',
      '{upstreams: [{remoteurl: ghcr.io, mirrors: ["ftp://a"], httpproxy: "socks5://a"}]}',
      [
        '33 proxy.upstreams[0].remoteurl: must be a URL such as https://registry-1.docker.io',
        '52 proxy.upstreams[0].mirrors[0].url: must be a URL such as https://registry-1.docker.io',
        '75 proxy.upstreams[0].httpproxy: must be an http or https URL',
      ],
    ],
    [
      'a URL with a login',
      '{remoteurl: "https://u:p@a.example"}',
      ['20 proxy.remoteurl: must not contain a user name or password; use credentials'],
    ],
    [
      'a URL with a query',
      '{remoteurl: "https://a.example/?x=1"}',
      ['20 proxy.remoteurl: must not contain a query or fragment'],
    ],
    [
      'a name that is not a host',
      '{upstreams: [{name: a/b, remoteurl: "https://a.example", storeprefix: ../x}]}',
      [
        '28 proxy.upstreams[0].name: must be a host name such as ghcr.io, in lower case',
        '78 proxy.upstreams[0].storeprefix: must be empty or a path such as mirror/ghcr.io',
      ],
    ],
    [
      'an invalid regular expression',
      '{upstreams: [{remoteurl: "https://a.example", tags: {rules: [{match: "v(", ttl: 1h}]}}]}',
      ["77 proxy.upstreams[0].tags.rules[0].match: must be a regular expression in Go's syntax: missing closing )"],
    ],
    [
      'tag policies',
      '{upstreams: [{remoteurl: "https://a.example", tags: {ttl: 300, revalidate: never, onnotfound: 404, rules: [{match: a}]}}]}',
      [
        '66 proxy.upstreams[0].tags.ttl: must be a duration such as 30s, 10m, 168h or 7d',
        '83 proxy.upstreams[0].tags.revalidate: must be blocking or background',
        '102 proxy.upstreams[0].tags.onnotfound: must be error or stale',
        '115 proxy.upstreams[0].tags.rules[0].ttl: is required',
      ],
    ],
    [
      'invalid timeouts',
      '{upstreams: [{remoteurl: "https://a.example", timeouts: {connect: 0, idle: -1s, headers: 40d}}]}',
      [
        '74 proxy.upstreams[0].timeouts.connect: must be a duration such as 30s, 10m or 168h, and longer than 0',
        '83 proxy.upstreams[0].timeouts.idle: must not be negative',
        '97 proxy.upstreams[0].timeouts.headers: must be at most 24 days (576h)',
      ],
    ],
    [
      'limits of fills',
      '{fills: {maxconcurrent: 0, maxspool: much, keepspool: long}}',
      [
        '32 proxy.fills.maxconcurrent: must be a whole number from 1 to 100000',
        '45 proxy.fills.maxspool: must be a size such as 50GiB, 500MB or a number of bytes',
        '62 proxy.fills.keepspool: must be a duration such as 30s, 10m, 168h or 7d',
      ],
    ],
    [
      'a login without a default upstream',
      '{username: u, password: p, upstreams: [{remoteurl: "https://a.example", default: no}]}',
      [
        '9 proxy.username: is for the default upstream, and no upstream is the default (set default: true at one of proxy.upstreams)',
        '22 proxy.password: is for the default upstream, and no upstream is the default (set default: true at one of proxy.upstreams)',
      ],
    ],
    [
      'exec without a command',
      '{remoteurl: "https://a.example", exec: {lifetime: 1h}}',
      ['47 proxy.exec.command: is required'],
    ],
  ])('refuses %s', async (_what, yaml, problems) => {
    expect(await proxyProblems(yaml)).toEqual(problems);
  });
});
