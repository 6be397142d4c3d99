import { describe, expect, it } from 'vitest';
import type { SyncRuleConfig } from '../../src/config/config.ts';
import { load, MINIMAL, problemsOf, warningsOf } from './config-file.ts';

const UPSTREAMS = `upstreams:
  - {name: docker.io, remoteurl: "https://registry-1.docker.io", deny: ["library/secret"]}
  - {name: ghcr.io, remoteurl: "https://ghcr.io", aliases: ["github.example:5000"]}`;

/** A file whose rules start on line 8. */
function withRules(rules: string, more = ''): string {
  return `${MINIMAL}proxy:\n  ${UPSTREAMS.replaceAll('\n', '\n  ')}\n  sync:\n${rules.replace(/^/gm, '    ')}\n${more}`;
}

async function ruleOf(rule: string): Promise<SyncRuleConfig | undefined> {
  return (await load(withRules(`- ${rule}`))).config.proxy?.sync[0];
}

async function problemsOfRule(rule: string): Promise<string[]> {
  const problems = await problemsOf(withRules(`- {${rule}}`));
  return problems.map((problem) => problem.replace(/^config.yml:\d+:\d+ proxy\.sync\[0\]\.?/, ''));
}

const WHOLE = 'name: base, repositories: [docker.io/library/alpine]';

describe('proxy.sync', () => {
  it('has defaults for all but name, repositories and tags', async () => {
    const rule = await ruleOf(`{${WHOLE}, tags: {newest: 3}}`);
    expect(rule).toEqual({
      name: 'base',
      repositories: [{ upstream: 'docker.io', repository: 'library/alpine' }],
      tags: { newest: 3, prerelease: false },
      platforms: [],
      referrers: false,
      everyMs: undefined,
      bandwidth: undefined,
      concurrency: 2,
      gone: 'keep',
    });
  });

  it('has all keys', async () => {
    const rule = await ruleOf(
      [
        '{name: base-images, repositories: [docker.io/alpine, "github.example:5000/acme/app"], platforms: [linux/amd64, linux/arm/v7],',
        'tags: {semver: ">=3.18 <4", newest: 5, match: "[0-9.]+", exclude: ".*-rc.*", prerelease: true}, referrers: true,',
        'every: 6h, window: "22:00-06:00", bandwidth: 20MB, concurrency: 4, gone: untag,',
        'to: {registry: "https://inside.example:5000/", prefix: base, credentials: [{username: ci, password: s3cret}], tls: {insecure: true}}}',
      ].join('\n      '),
    );
    expect(rule).toMatchObject({
      repositories: [
        { upstream: 'docker.io', repository: 'library/alpine' },
        { upstream: 'ghcr.io', repository: 'acme/app' },
      ],
      tags: { newest: 5, prerelease: true },
      platforms: ['linux/amd64', 'linux/arm/v7'],
      everyMs: 21_600_000,
      window: { from: 1320, until: 360 },
      bandwidth: 20_000_000,
      to: { host: 'inside.example:5000', plainHttp: false, prefix: 'base', tls: { insecure: true } },
    });
    expect(rule?.tags.semver?.includes([3, 18, 0])).toBe(true);
    expect(rule?.tags.match?.test('3.18')).toBe(true);
    expect(rule?.tags.match?.test('3.18-alpine')).toBe(false);
    expect(rule?.to?.credentials).toEqual([{ kind: 'static', username: 'ci', password: 's3cret' }]);
  });

  it.each([
    ['name: base, tags: {newest: 1}', ['repositories: is required']],
    ['name: Base, repositories: [docker.io/a], tags: {newest: 1}', ['name: must be a name such as base-images']],
    [WHOLE, ['tags: is required']],
    [`${WHOLE}, tags: {exclude: x}`, ['tags: must have semver, newest or match (match: ".*" selects all tags)']],
    [
      `${WHOLE}, tags: {semver: latest}`,
      ['tags.semver: must be a range of versions such as ">=3.18" or "^1.27 || 2.x"'],
    ],
    [`${WHOLE}, tags: {newest: 0}`, ['tags.newest: must be a whole number from 1 to 10000']],
    [`${WHOLE}, tags: {match: "(a"}`, ["tags.match: must be a regular expression in Go's syntax: missing closing )"]],
    [
      `${WHOLE}, tags: {newest: 1, exclude: "-rc"}`,
      [
        'tags.exclude: matches no tag: it has to match the whole tag (".*-rc" is for tags that end with -rc, ".*-rc.*" for those that contain it)',
      ],
    ],
    [`${WHOLE}, tags: {newest: 1}, every: 6h, at: "03:00"`, ['at: excludes every (remove one of them)']],
    [`${WHOLE}, tags: {newest: 1}, window: "6-8"`, ['window: must be two times such as 22:00-06:00']],
    [`${WHOLE}, tags: {newest: 1}, window: "22:00-22:00"`, ['window: must be two times such as 22:00-06:00']],
    [
      `${WHOLE}, tags: {newest: 1}, platforms: [amd64]`,
      ['platforms[0]: must be a platform such as linux/amd64 or linux/arm/v7'],
    ],
    [
      'name: base, repositories: [docker.io/library/alpine:3.20], tags: {newest: 1}',
      ['repositories[0]: must be a repository with its registry, such as docker.io/library/alpine, without a tag'],
    ],
    [
      'name: base, repositories: [registry.example/a/b], tags: {newest: 1}',
      [
        'repositories[0]: must begin with the name of an upstream, and registry.example is none (configured: docker.io, ghcr.io)',
      ],
    ],
    [
      'name: base, repositories: [docker.io/secret], tags: {newest: 1}',
      ['repositories[0]: is excluded by the allow or deny list of docker.io'],
    ],
    [
      'name: base, repositories: [docker.io/alpine, docker.io/library/alpine], tags: {newest: 1}',
      ['repositories[1]: is also repositories[0]'],
    ],
    [
      'name: base, repositories: [docker.io/acme/app, ghcr.io/acme/app], tags: {newest: 1}, to: {registry: "http://inside"}',
      ['repositories[1]: would be acme/app in the other registry, like repositories[0] (use two rules)'],
    ],
    [
      `${WHOLE}, tags: {newest: 1}, to: {registry: "http://inside/base"}`,
      ['to.registry: must not have a path (use to.prefix for it)'],
    ],
  ])('%s', async (rule, problems) => {
    expect(await problemsOfRule(rule)).toEqual(problems);
  });

  it('has different names', async () => {
    const rule = `- {${WHOLE}, tags: {newest: 1}}`;
    expect(await problemsOf(withRules(`${rule}\n${rule}`))).toEqual([
      'config.yml:9:14 proxy.sync[1].name: is also the name of sync[0]',
    ]);
  });

  it('has other names than jobs of proxy.warm', async () => {
    const rules = withRules(`- {${WHOLE}, tags: {newest: 1}}`, '  warm: [{name: base, images: [alpine]}]\n');
    expect(await problemsOf(rules)).toEqual([
      'config.yml:8:14 proxy.sync[0].name: is also the name of a job in proxy.warm',
    ]);
  });

  it('has no effect offline', async () => {
    const rules = withRules(`- {${WHOLE}, tags: {newest: 1}}`, '  offline: true\n');
    expect(await warningsOf(rules)).toEqual(['config.yml:7:3 proxy.sync: has no effect with proxy.offline']);
  });
});
