import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { VERSION } from '../../src/version.ts';
import { copyCheckout } from '../support/checkout.ts';
import { type ProcessOptions, RunningProcess } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const DIST = join(import.meta.dirname, '../../dist');

async function run(command: string, args: readonly string[], options: ProcessOptions = {}) {
  await using program = await RunningProcess.start(command, args, { env: programEnvironment(), ...options });
  const { code } = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

describe.skipIf((await findProgram('make')) === undefined)('make', { timeout: 60_000 }, () => {
  let checkout: Awaited<ReturnType<typeof copyCheckout>>;
  let built: Awaited<ReturnType<typeof run>>;

  beforeAll(async () => {
    checkout = await copyCheckout();
    // Of the same sources, so that the build keeps it: to compile them again would take most of the time.
    if (existsSync(DIST)) await cp(DIST, join(checkout.path, 'dist'), { recursive: true });
    built = await run('make', [], { cwd: checkout.path });
  }, 120_000);
  afterAll(() => checkout[Symbol.asyncDispose]());

  const bin = (name: string, ...args: string[]) => run(`./bin/${name}`, args, { cwd: checkout.path });

  it('builds the three binaries and lists them', () => {
    expect(built).toMatchObject({ code: 0, stderr: '' });
    expect(built.stdout.split('\n')).toEqual([
      '+ build',
      '+ bin/registry',
      '+ bin/digest',
      '+ bin/registry-api-descriptor-template',
      '+ binaries',
      '',
    ]);
  });

  it.each(['registry', 'digest'])('bin/%s prints argv0, package and version', async (name) => {
    const line = `./bin/${name} layover v${VERSION}\n`;
    expect(await bin(name, '--version')).toMatchObject({ code: 0, stdout: line });
    const short = name === 'registry' ? '-v' : '-version';
    expect(await bin(name, short)).toMatchObject({ code: 0, stdout: line });
  });

  it('bin/registry prints its usage without arguments, and checks a configuration', async () => {
    expect(await bin('registry')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: registry /) });
    const checked = await bin('registry', 'config', 'check', 'tests/conf-local-cloud.yml');
    expect(checked).toMatchObject({ code: 0, stderr: '' });
  });

  it('bin/registry works when it is copied elsewhere', async () => {
    await using directory = await temporaryDirectory();
    const copy = join(directory.path, 'registry');
    await cp(join(checkout.path, 'bin/registry'), copy);
    expect((await run(copy, ['--version'])).stdout).toBe(`${copy} layover v${VERSION}\n`);
  });

  it("bin/digest takes flags in Go's spelling", async () => {
    const text = await readFile(join(checkout.path, 'LICENSE'));
    const hex = (algorithm: string) => createHash(algorithm).update(text).digest('hex');
    expect(await bin('digest', 'LICENSE')).toMatchObject({ code: 0, stdout: `sha256:${hex('sha256')}\tLICENSE\n` });
    for (const flags of [['-a', 'sha512'], ['-a=sha512'], ['-algorithm', 'sha512'], ['--algorithm=sha512']]) {
      const { stdout } = await bin('digest', ...flags, 'LICENSE');
      expect(stdout, flags.join(' ')).toBe(`sha512:${hex('sha512')}\tLICENSE\n`);
    }
  });

  it('bin/digest prints the other digests when a file cannot be read, and exits with 1', async () => {
    const { code, stdout, stderr } = await bin('digest', 'absent', 'LICENSE');
    expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toMatch(/^\.\/bin\/digest: absent: ENOENT/);
  });

  it('bin/digest exits with 2 for an unknown flag, and with 1 for an unknown algorithm', async () => {
    expect((await bin('digest', '-x')).code).toBe(2);
    const { code, stderr } = await bin('digest', '-a', 'md5', 'LICENSE');
    expect({ code, stderr }).toEqual({ code: 1, stderr: './bin/digest: unsupported digest algorithm: md5\n' });
  });

  it('bin/registry-api-descriptor-template renders a template with the routes of the API', async () => {
    const template =
      '{{range .RouteDescriptors}}{{.Path}}\n{{end}}{{with index .ErrorDescriptors 0}}{{.Value}}{{end}}\n';
    await writeFile(join(checkout.path, 'paths.tmpl'), template);
    const { code, stdout } = await bin('registry-api-descriptor-template', 'paths.tmpl');
    expect(code).toBe(0);
    expect(stdout).toContain('/v2/\n/v2/_catalog\n');
    expect(stdout).toMatch(/\nBLOB_UNKNOWN\n$/);
  });

  it('bin/registry-api-descriptor-template takes exactly one template', async () => {
    const { code, stderr } = await bin('registry-api-descriptor-template');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: './bin/registry-api-descriptor-template: please specify a template to execute.\n',
    });
  });

  describe('with another npm', () => {
    const targets = [
      ['build', 'run --silent build'],
      ['test', 'test'],
      ['validate', 'run --silent verify'],
      ['lint', 'run --silent lint'],
      ['integration', 'run test:clients'],
      ['conformance', 'run test:conformance'],
      ['start-cloud-storage', 'run --silent cloud-storage -- start'],
      ['start-s3-storage', 'run --silent cloud-storage -- start'],
      ['stop-cloud-storage', 'run --silent cloud-storage -- stop'],
      ['stop-s3-storage', 'run --silent cloud-storage -- stop'],
      ['reset-cloud-storage', 'run --silent cloud-storage -- reset'],
      ['test-cloud-storage', 'run test:s3'],
    ] as const;

    /** A PATH on which `npm` prints its arguments and exits with `code`. */
    async function withNpm(code: number) {
      const directory = await temporaryDirectory();
      const npm = join(directory.path, 'npm');
      await writeFile(npm, `#!/bin/sh\necho "npm: $*"\nexit ${code}\n`);
      await chmod(npm, 0o755);
      const env = { ...programEnvironment(), PATH: `${directory.path}${delimiter}${process.env.PATH}` };
      return { env, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
    }

    it.each(targets)('%s runs npm %s', async (target, command) => {
      await using npm = await withNpm(0);
      const { code, stdout } = await run('make', [target], { cwd: checkout.path, env: npm.env });
      expect({ code, line: stdout.split('\n').at(-2) }).toEqual({ code: 0, line: `npm: ${command}` });
    });

    it('fails when the script fails', async () => {
      await using npm = await withNpm(3);
      expect((await run('make', ['test'], { cwd: checkout.path, env: npm.env })).code).toBe(2);
    });
  });

  it('names every target in help', async () => {
    const { stdout } = await run('make', ['help'], { cwd: checkout.path });
    for (const target of ['all', 'binaries', 'test', 'validate', 'start-cloud-storage', 'stop-s3-storage'])
      expect(stdout).toMatch(new RegExp(`^  (?:.* )?${target} `, 'm'));
  });
});
