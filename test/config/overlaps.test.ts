import { describe, expect, it } from 'vitest';
import { canBeBelow } from '../../src/config/overlaps.ts';
import { load, MINIMAL, problemsOf } from './config-file.ts';

const upstream = (host: string, more = '') => `    - {remoteurl: "https://${host}"${more}}\n`;
const proxy = (...lines: string[]) => `${MINIMAL}proxy:\n  upstreams:\n${lines.join('')}`;
const prefixed = (prefix: string) => `, storeprefix: "${prefix}"`;

const WHY = "give each a prefix that is not below the other's";

describe('names of two upstreams in the storage', () => {
  it.each([
    ['a', 'a', 'a/', 'a/'],
    ['a', '/a/', 'a/', 'a/'],
    ['mirror', 'mirror/b', 'mirror/', 'mirror/b/'],
    ['mirror/b', 'mirror', 'mirror/b/', 'mirror/'],
    ['docker.io/library', 'docker.io', 'docker.io/library/', 'docker.io/'],
    ['', '', 'no prefix', 'no prefix'],
  ])('must not overlap: "%s" and "%s"', async (first, second, before, after) => {
    const text = proxy(upstream('a.example', prefixed(first)), upstream('b.example', prefixed(second)));
    expect(await problemsOf(text)).toEqual([
      `config.yml:6:53 proxy.upstreams[1].storeprefix: overlaps the names of upstreams[0] in the storage (${after}, ${before}): ${WHY} (see config.yml:5:53)`,
    ]);
  });

  it('must not overlap when the prefix is a name, or set by a variable', async () => {
    const text = proxy(upstream('ghcr.io'), upstream('b.example'));
    expect(await problemsOf(text, { REGISTRY_PROXY_UPSTREAMS_1_STOREPREFIX: 'ghcr.io' })).toEqual([
      `REGISTRY_PROXY_UPSTREAMS_1_STOREPREFIX proxy.upstreams[1].storeprefix: overlaps the names of upstreams[0] in the storage (ghcr.io/, ghcr.io/): ${WHY} (see config.yml:5:7)`,
    ]);
    expect(await problemsOf(proxy(upstream('ghcr.io'), upstream('b.example', prefixed('ghcr.io/b'))))).toHaveLength(1);
  });

  it('are reported for every pair', async () => {
    const text = proxy(
      upstream('a.example', prefixed('a')),
      ...['a/b', 'a/c'].map((prefix) => upstream(`${prefix[2]}.example`, prefixed(prefix))),
    );
    expect(await problemsOf(text)).toHaveLength(2);
  });

  it.each([
    ['a', 'ab'],
    ['a/b', 'a/c'],
    ['mirror/ghcr.io', 'mirror/ghcr.io.example'],
    ['a-b', 'a'],
    ['', 'ghcr.io'],
    ['mirror/b', ''],
  ])('may be next to each other: "%s" and "%s"', async (first, second) => {
    const text = proxy(upstream('a.example', prefixed(first)), upstream('b.example', prefixed(second)));
    expect(await problemsOf(text)).toEqual([]);
  });
});

describe('hosted names', () => {
  const hosting = (glob: string, ...lines: string[]) => `${proxy(...lines)}  hosted: ["${glob}"]\n`;

  it.each([
    ['**', 'docker.io'],
    ['docker.io/**', 'docker.io'],
    ['docker.io/team/*', 'docker.io'],
    ['docker.io/*', 'docker.io'],
    ['*/*', 'docker.io'],
    ['*/team/**', 'docker.io'],
    ['!team/**', 'docker.io'],
    ['{team,docker.io}/**', 'docker.io'],
    ['index.docker.io/app', 'index.docker.io'],
    ['*.io/**', 'docker.io'],
    ['[a-z]*.io/x', 'docker.io'],
  ])('must not be names of an upstream: %s', async (glob, prefix) => {
    const text = hosting(glob, upstream('registry-1.docker.io'));
    expect(await problemsOf(text)).toEqual([
      `config.yml:6:12 proxy.hosted[0]: hosts names below ${prefix}/, which are those of upstreams[0]: pushed content would be served as that of the upstream (choose other names) (see config.yml:5:7)`,
    ]);
  });

  it.each(['team/**', '*', 'docker.io', 'docker.iox/**', 'team/docker.io/**', 'app*', 'x.docker.io/*'])(
    'may be any others: %s',
    async (glob) => {
      expect(await problemsOf(hosting(glob, upstream('registry-1.docker.io')))).toEqual([]);
    },
  );

  it("must not be below an upstream's prefix", async () => {
    const text = hosting('team/**', upstream('a.example', prefixed('team/mirror')));
    expect(await problemsOf(text)).toEqual([
      'config.yml:6:12 proxy.hosted[0]: hosts names below team/mirror/, which are those of upstreams[0]: pushed content would be served as that of the upstream (choose other names) (see config.yml:5:53)',
    ]);
  });

  it('may hide names of the only upstream without a prefix, with a notice', async () => {
    const hosted = 'hosted: ["team/*"]';
    for (const text of [
      `${MINIMAL}proxy:\n  remoteurl: https://a.example\n  ${hosted}\n`,
      `${proxy(upstream('a.example', prefixed('')))}  ${hosted}\n`,
    ]) {
      const { notices } = await load(text);
      expect(notices.slice(-1)).toEqual([
        expect.stringMatching(
          /config\.yml:[56]:3 proxy\.hosted: a\.example is stored without a prefix, so its content with these names cannot be pulled$/,
        ),
      ]);
    }
    const { notices } = await load(`${MINIMAL}proxy: {remoteurl: "https://a.example"}\n`);
    expect(notices.join()).not.toContain('without a prefix');
  });

  it('must not be below the name of the only upstream', async () => {
    const text = `${MINIMAL}proxy:\n  remoteurl: https://a.example\n  hosted: ["a.example/**"]\n`;
    expect(await problemsOf(text)).toEqual([
      'config.yml:5:12 proxy.hosted[0]: hosts names below a.example/, which are those of remoteurl: pushed content would be served as that of the upstream (choose other names) (see config.yml:4:14)',
    ]);
  });
});

it.each([
  ['a/b/c', 'a/b', true],
  ['a/b', 'a/b', false],
  ['a/**/c', 'a/b', true],
  ['**', 'a/b', true],
  ['a/b/**', 'a/b', true],
  ['*/c/**', 'a/b', false],
  ['(a|x)/b/c', 'a/b', true],
])('%s can match a name below %s: %s', (glob, path, can) => {
  expect(canBeBelow(glob, path)).toBe(can);
});
