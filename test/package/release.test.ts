import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copyCheckout } from '../support/checkout.ts';
import { RunningProcess, runProgram } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TSX = join(import.meta.dirname, '../../node_modules/.bin/tsx');
const ENV = {
  ...programEnvironment(),
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};
const CHANGELOG = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n';

describe.skipIf((await findProgram('git')) === undefined)('npm run release', { timeout: 120_000 }, () => {
  let checkout: Awaited<ReturnType<typeof copyCheckout>>;

  beforeAll(async () => {
    checkout = await copyCheckout();
    for (const name of await readdir(join(checkout.path, 'changes'))) {
      if (name !== 'README.md') await rm(join(checkout.path, 'changes', name));
    }
    // Three releases are built: a program of one file is quicker to compile.
    await rm(join(checkout.path, 'src'), { recursive: true });
    for (const folder of ['src/audit', 'src/library', 'src/usage', 'src/workers', 'charts/layover'])
      await mkdir(join(checkout.path, folder), { recursive: true });
    await write('src/main.ts', '#!/usr/bin/env node\nexport const program = 1;\n');
    for (const name of ['audit/pulls-check', 'usage/index-check', 'workers/worker-main'])
      await write(`src/${name}.ts`, '');
    await write('src/version.ts', "export const VERSION = '0.1.0';\n");
    await write('src/library/layover.ts', "export { VERSION } from '../version.ts';\n");
    await write('Dockerfile', 'ARG VERSION=0.1.0\n');
    await write('charts/layover/Chart.yaml', 'name: layover\nversion: 0.1.0\nappVersion: 0.1.0\n');
    await write('CHANGELOG.md', CHANGELOG);
    await write('changes/two.fixed.md', 'Two.\n');
    await write('.gitignore', 'node_modules\ndist/\nreleases/\n');
    await writeVersion('0.1.0');
    await git('init', '--quiet');
    await commit('Start');
  });
  afterAll(() => checkout[Symbol.asyncDispose]());

  const write = (name: string, text: string) => writeFile(join(checkout.path, name), text);
  const read = (name: string) => readFile(join(checkout.path, name), 'utf8');
  const git = async (...args: string[]) =>
    (await runProgram('git', args, { cwd: checkout.path, env: ENV })).stdout.trim();
  const commit = async (subject: string) => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', subject);
  };
  const writeVersion = async (version: string) => {
    for (const name of ['package.json', 'package-lock.json']) {
      await write(name, (await read(name)).replaceAll(/^( {2,6}"version": )"[^"]+"/gm, all(version)));
    }
  };
  /** Only the first two: those of the package itself. */
  const all = (version: string) => {
    let count = 0;
    return (line: string, key: string) => (count++ < 2 ? `${key}"${version}"` : line);
  };
  const release = async (...args: string[]) => {
    await using run = await RunningProcess.start(TSX, ['scripts/release/main.ts', '--npm-only', ...args], {
      cwd: checkout.path,
      env: ENV,
    });
    const { code } = await run.exited;
    return { code, stdout: run.stdout, stderr: run.stderr };
  };
  const state = async () => ({
    head: await git('rev-parse', 'HEAD'),
    tags: await git('tag'),
    status: await git('status', '-s'),
  });

  it('--dry-run shows version, tag, notes and tarball, and changes nothing', async () => {
    const before = await state();
    const { code, stdout, stderr } = await release('--dry-run');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^version {2}0\.2\.0\ncommit {3}Release v0\.2\.0\ntag {6}v0\.2\.0\ntarball {2}releases\/layover-0\.2\.0\.tgz \(\d+ files, \d+ bytes\)\n/,
    );
    expect(stdout).toContain('### Added\n\n- One.\n\n### Fixed\n\n- Two.\n');
    expect(await state()).toEqual(before);
    expect(await readdir(checkout.path)).not.toContain('releases');
  });

  it('refuses uncommitted changes', async () => {
    await write('README.md', 'changed');
    const { code, stderr } = await release();
    await git('restore', 'README.md');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('uncommitted changes') });
  });

  it('leaves the work tree as it was when the build fails', async () => {
    await write('src/library/broken.ts', 'export const wrong: number = "";\n');
    await commit('Break the build');
    const before = await state();
    const { code, stderr } = await release();
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('TS2322') });
    expect(await state()).toEqual(before);
    await git('reset', '--quiet', '--hard', 'HEAD~1');
  });

  it('makes commit, tag, changelog, tarball and notes', async () => {
    const { code, stdout, stderr } = await release('0.3.0');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('git push origin HEAD v0.3.0');
    expect(await git('status', '-s')).toBe('');
    expect(await git('log', '-1', '--format=%s')).toBe('Release v0.3.0');
    expect(await git('rev-parse', 'v0.3.0^{commit}')).toBe(await git('rev-parse', 'HEAD'));
    expect(await git('cat-file', '-t', 'v0.3.0')).toBe('tag');
    expect(await git('tag', '-l', '--format=%(contents)', 'v0.3.0')).toContain('### Fixed\n\n- Two.');
    expect(await read('CHANGELOG.md')).toMatch(
      /^# Changelog\n\n## \[Unreleased\]\n\n## \[0\.3\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- One\.\n\n### Fixed\n\n- Two\.\n\n## \[0\.1\.0\]/,
    );
    expect(await readdir(join(checkout.path, 'changes'))).toEqual(['README.md']);
    for (const name of ['package.json', 'package-lock.json']) {
      expect(JSON.parse(await read(name)) as unknown).toMatchObject({ version: '0.3.0' });
    }
    expect(await read('src/version.ts')).toBe("export const VERSION = '0.3.0';\n");
    expect(await read('Dockerfile')).toBe('ARG VERSION=0.3.0\n');
    expect(await read('charts/layover/Chart.yaml')).toBe('name: layover\nversion: 0.3.0\nappVersion: 0.3.0\n');
    const sum = createHash('sha256')
      .update(await readFile(join(checkout.path, 'releases/layover-0.3.0.tgz')))
      .digest('hex');
    expect(await read('releases/layover-0.3.0.sha256')).toBe(`${sum}  layover-0.3.0.tgz\n`);
    expect(JSON.parse(await read('releases/layover-0.3.0.provenance.json')) as unknown).toMatchObject({
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [{ name: 'layover-0.3.0.tgz', digest: { sha256: sum } }],
      predicate: {
        buildDefinition: { resolvedDependencies: [{ digest: { gitCommit: await git('rev-parse', 'HEAD') } }] },
      },
    });
    expect(await read('releases/v0.3.0.md')).toContain('### Added\n\n- One.');
  });

  it('packs a program of that version', async () => {
    await using directory = await temporaryDirectory();
    await runProgram('tar', ['-xzf', join(checkout.path, 'releases/layover-0.3.0.tgz'), '-C', directory.path], {
      env: ENV,
    });
    const manifest = await readFile(join(directory.path, 'package/package.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ name: 'layover', version: '0.3.0' });
    expect(await readdir(join(directory.path, 'package/dist'))).toContain('main.js');
    expect(await readFile(join(directory.path, 'package/dist/version.js'), 'utf8')).toContain("'0.3.0'");
  });

  it('has nothing to release after that', async () => {
    expect(await release()).toMatchObject({
      code: 1,
      stderr: 'release: nothing to release (add a file to changes/)\n',
    });
  });
});
