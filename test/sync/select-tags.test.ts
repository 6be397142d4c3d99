import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compileWholePattern } from '../../src/matching/pattern.ts';
import { compileVersionRange } from '../../src/matching/version-range.ts';
import { selectTags, type TagSelection } from '../../src/sync/select-tags.ts';
import { compareVersions, findTagVersion } from '../../src/sync/tag-version.ts';

interface Written {
  readonly semver?: string;
  readonly newest?: number;
  readonly match?: string;
  readonly exclude?: string;
  readonly prerelease?: boolean;
}

async function select(tags: readonly string[], { semver, newest, match, exclude, prerelease = false }: Written) {
  const range = semver === undefined ? undefined : await compileVersionRange(semver);
  if (semver !== undefined && !range) throw new Error(`${semver} is not a range`);
  const selection: TagSelection = {
    semver: range,
    newest,
    match: match === undefined ? undefined : await compileWholePattern(match),
    exclude: exclude === undefined ? undefined : await compileWholePattern(exclude),
    prerelease,
  };
  return selectTags(tags, selection);
}

const NGINX = (
  'latest mainline mainline-alpine stable stable-alpine 1 1-alpine 1.27 1.27-alpine 1.27-alpine-slim 1.27-alpine3.21 1.26 1.26-alpine ' +
  '1.27.3 1.27.3-alpine 1.27.3-alpine-slim 1.27.3-alpine3.21 1.27.3-bookworm-perl 1.27.2 1.27.2-alpine 1.27.1 1.27.10 1.26.2 1.26.2-alpine ' +
  'sha256-1ba9f0cad7e4b9b292b157a7ffbe3ce095480a04d26cb03460905303bfe67999.sig'
).split(' ');
const PYTHON = (
  'latest slim bookworm 3 3.12 3.13 3.12.8 3.12.7 3.12.8-slim 3.12.8-slim-bookworm 3.13.0 3.13.1 3.13.1-slim 3.13.0a1 3.13.0b2 3.13.0rc1 ' +
  '3.13.0rc3 3.14-rc 3.14-rc-slim 3.14.0a1 3.14.0a2 3.14.0a2-slim 3.14.0a2-alpine3.21'
).split(' ');
const PHP = (
  'latest fpm cli 8.4 8.4.1 8.4.1-fpm 8.4.1-fpm-alpine 8.4.1-fpm-alpine3.20 8.4.1-fpm-alpine3.21 8.3.14 8.3.14-fpm 8.3.14-fpm-alpine3.20 ' +
  '8.4.0RC1 8.4.0RC4 8.4.0RC4-fpm 8.4.0beta5-fpm 8.4-rc 8.4-rc-fpm'
).split(' ');
const DEBIAN = (
  'latest stable testing sid bookworm bookworm-slim bookworm-20241202 bookworm-20241202-slim bookworm-20241111 bookworm-20241111-slim ' +
  'bullseye-20241202 trixie-20241202 12 12.8 12.8-slim 12.7 11.11 unstable-20241202'
).split(' ');
const COMMITS =
  '3f1d5e8 1e53f2a 1234567 sha-3f1d5e8 main-3f1d5e8 main-7654321 v1.2.3 v1.2.3-5-gabcdef0 v1.2.3-12-g1234abc 1.2.3-abcdef0'.split(
    ' ',
  );

describe('a range of versions', () => {
  it('compares two parts and one part as if the others were 0, and takes no other names', async () => {
    expect(await select(NGINX, { semver: '>=1.27' })).toEqual([
      '1.27',
      '1.27-alpine',
      '1.27-alpine-slim',
      '1.27-alpine3.21',
      '1.27.10',
      '1.27.3',
      '1.27.2',
      '1.27.1',
      '1.27.3-alpine',
      '1.27.2-alpine',
      '1.27.3-alpine-slim',
      '1.27.3-alpine3.21',
      '1.27.3-bookworm-perl',
    ]);
    expect(await select(['3', '3.20', '3.18', '3.17'], { semver: '>=3.18' })).toEqual(['3.20', '3.18']);
    expect(await select(['3', '3.20', '2', '4'], { semver: '3' })).toEqual(['3', '3.20']);
  });

  it.each([
    ['^8.3', ['8.3.14', '8.4.1', '8.5', '9.0'], ['8.5', '8.4.1', '8.3.14']],
    ['~8.3.1', ['8.3.0', '8.3.14', '8.4.1'], ['8.3.14']],
    ['8.3.x || >=9', ['8.3.14', '8.4.1', '9.1'], ['9.1', '8.3.14']],
    ['>=2024.1', ['2023.12.1', '2024.01.05', '2024.2'], ['2024.2', '2024.01.05']],
    ['>=22.04 <24', ['20.04', '22.04', '22.10', '24.04'], ['22.10', '22.04']],
    ['>=1', ['v1.2.3', '1.2.3.4', '1.2', 'app-1.2', '20240101', '2024-01-31'], ['1.2', '1.2.3.4', 'v1.2.3']],
  ])('%s of %j', async (semver, tags, expected) => {
    expect(await select(tags, { semver })).toEqual(expected);
  });

  it('has prereleases only on request, by their order', async () => {
    const tags = ['1.28.0-rc1', '1.28.0-rc.2', '1.28.0', '1.27.9', '1.29.0-alpha.1'];
    expect(await select(tags, { semver: '>=1.28.0-rc.2' })).toEqual(['1.28.0']);
    expect(await select(tags, { semver: '>=1.28.0-rc.2', prerelease: true })).toEqual([
      '1.29.0-alpha.1',
      '1.28.0',
      '1.28.0-rc.2',
    ]);
  });

  it('is refused when it is none', async () => {
    for (const text of ['>=', 'latest', '1.2.3.4.5', '>=3.18 and <4'])
      expect(await compileVersionRange(text)).toBeUndefined();
  });
});

describe('the newest versions', () => {
  it('are counted in each family: suffix, number of parts, text before the version', async () => {
    expect(await select(NGINX, { newest: 1 })).toEqual([
      '1',
      '1-alpine',
      '1.27',
      '1.27-alpine',
      '1.27-alpine-slim',
      '1.27-alpine3.21',
      '1.27.10',
      '1.27.3-alpine',
      '1.27.3-alpine-slim',
      '1.27.3-alpine3.21',
      '1.27.3-bookworm-perl',
    ]);
  });

  it('are those that are left by the other parts', async () => {
    const match = '\\d+\\.\\d+\\.\\d+-alpine';
    expect(await select(NGINX, { newest: 2, match })).toEqual(['1.27.3-alpine', '1.27.2-alpine']);
    expect(await select(NGINX, { newest: 2, match, exclude: '1\\.27\\.3.*' })).toEqual([
      '1.27.2-alpine',
      '1.26.2-alpine',
    ]);
  });

  it('are not hidden by prereleases', async () => {
    expect(await select(PYTHON, { newest: 2, match: '\\d+\\.\\d+\\.\\w+' })).toEqual(['3.13.1', '3.13.0']);
    expect(await select(PYTHON, { newest: 3, match: '3\\.1[34]\\.\\w+', prerelease: true })).toEqual([
      '3.14.0a2',
      '3.14.0a1',
      '3.13.1',
    ]);
    expect(await select(PHP, { newest: 1, match: '.*-fpm' })).toEqual(['8.4.1-fpm']);
    expect(await select(PHP, { newest: 2, match: '8\\.4\\.0.*', prerelease: true })).toEqual([
      '8.4.0RC4',
      '8.4.0RC1',
      '8.4.0RC4-fpm',
      '8.4.0beta5-fpm',
    ]);
  });

  it('are the newest days of each release', async () => {
    expect(await select(DEBIAN, { newest: 1 })).toEqual([
      '12',
      '12.8',
      '12.8-slim',
      'bookworm-20241202',
      'bookworm-20241202-slim',
      'bullseye-20241202',
      'trixie-20241202',
      'unstable-20241202',
    ]);
    expect(await select(['2024-01-31', '2023-12-31', '2024-02-01'], { newest: 2 })).toEqual([
      '2024-02-01',
      '2024-01-31',
    ]);
    const minio = [
      'RELEASE.2024-01-05T22-17-24Z',
      'RELEASE.2024-01-05T09-17-24Z',
      'RELEASE.2023-12-23T07-19-11Z',
      'latest',
    ];
    expect(await select(minio, { newest: 1 })).toEqual(['RELEASE.2024-01-05T22-17-24Z']);
  });

  it('include rebuilds as newer versions', async () => {
    const tags = [
      '9.3-1552',
      '9.3-1610',
      '9.3-1552.1705420509',
      '16.1.0-debian-12-r9',
      '16.1.0-debian-12-r15',
      '16.1.0-debian-11-r99',
    ];
    expect(await select(tags, { newest: 1 })).toEqual(['9.3-1610', '16.1.0-debian-11-r99', '16.1.0-debian-12-r15']);
  });

  it('do not include builds of commits', async () => {
    expect(await select(COMMITS, { newest: 3 })).toEqual(['v1.2.3']);
    expect(await select(COMMITS, { newest: 1, prerelease: true })).toEqual([
      '1.2.3-abcdef0',
      'v1.2.3',
      'v1.2.3-12-g1234abc',
    ]);
  });

  it('compare numbers, not text', async () => {
    expect(await select(['1.9.0', '1.10.0', '1.2.30', '01.11.0'], { newest: 2 })).toEqual(['01.11.0', '1.10.0']);
  });
});

describe('expressions', () => {
  it('have to match the whole tag', async () => {
    expect(await select(NGINX, { match: 'stable' })).toEqual(['stable']);
    expect(await select(NGINX, { match: 'stable.*' })).toEqual(['stable', 'stable-alpine']);
    expect(await select(NGINX, { match: '(?:main|st).*', exclude: '.*-alpine|mainline' })).toEqual(['stable']);
    expect(await select(['a', 'ab', 'b'], { match: 'a|b' })).toEqual(['a', 'b']);
  });

  it('select tags without a version as well, but no digest tags', async () => {
    const selected = await select(NGINX, { match: '.*' });
    expect(selected.slice(-5)).toEqual(['latest', 'mainline', 'mainline-alpine', 'stable', 'stable-alpine']);
    expect(selected).toHaveLength(NGINX.length - 1);
  });
});

const tagText = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}$/);
const versionText = fc
  .tuple(
    fc.constantFrom('', 'v', 'bookworm-'),
    fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '-rc1', '-rc.2', 'a1', '-beta', '-12', '-r3', '-abcdef0'),
    fc.constantFrom('', '-alpine', '-alpine3.20', '-slim'),
  )
  .map(([v, parts, pre, suffix]) => `${v}${parts.join('.')}${pre}${suffix}`);
const anyTags = fc.array(fc.oneof(tagText, versionText), { maxLength: 40 });

describe('for any tags', () => {
  it('the selection does not depend on their order, and has each once', async () => {
    await fc.assert(
      fc.asyncProperty(anyTags, fc.nat(5), async (tags, newest) => {
        const selected = await select(tags, { newest });
        expect(await select(tags.toReversed(), { newest })).toEqual(selected);
        expect(new Set(selected).size).toBe(selected.length);
        expect(selected.every((tag) => tags.includes(tag))).toBe(true);
      }),
    );
  });

  it('no tag that was left out is newer than a selected one of its family', async () => {
    await fc.assert(
      fc.asyncProperty(anyTags, fc.integer({ min: 1, max: 3 }), async (tags, newest) => {
        const selected = await select(tags, { newest, prerelease: true });
        const others = tags.filter((tag) => !selected.includes(tag)).map(findTagVersion);
        for (const version of selected.map(findTagVersion)) {
          if (!version) throw new Error('a tag without a version is selected');
          const rivals = others.filter((other) => other?.family === version.family);
          expect(rivals.every((other) => other && compareVersions(other, version) <= 0)).toBe(true);
        }
      }),
    );
  });

  it('versions have one order', () => {
    fc.assert(
      fc.property(versionText, versionText, versionText, (...texts) => {
        const [a, b, c] = texts.map(findTagVersion);
        if (!a || !b || !c) return;
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('3000 tags of 128 characters take little time', async () => {
    const tags = Array.from({ length: 3_000 }, (_, i) => `${'a.'.repeat(55)}${i}.${'1'.repeat(12)}`.slice(0, 128));
    expect((await select(tags, { newest: 1 })).length).toBeGreaterThan(0);
  });
});
