import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { Pusher } from '../support/push.ts';
import { type InstalledPackage, installPackage } from './installed-package.ts';
import { pushImage, smallImage } from './small-image.ts';

const run = promisify(execFile);
const TSC = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
const NODES = (process.env['NODE_VERSIONS'] ?? '20.19.0 22 24').split(' ');
const EXAMPLES = [
  'cache-and-registry',
  'copy-image',
  'express-registry',
  'list-tags',
  'own-storage-driver',
  'pull-through-cache',
];

const dockerRegistry = await findProgram('docker-registry');
if (dockerRegistry === undefined) console.warn('skipped, as docker-registry is not installed: tests with an upstream');

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
}, 300_000);
afterAll(() => installed[Symbol.asyncDispose]());

it('lists every example here, each with less than 40 lines', async () => {
  const directory = join(import.meta.dirname, '../../examples');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.mjs')).toSorted();
  expect(files).toEqual(EXAMPLES.map((name) => `${name}.mjs`));
  for (const file of files)
    expect((await readFile(join(directory, file), 'utf8')).split('\n').length - 1).toBeLessThan(40);
});

it('has type declarations with which the examples compile, strictly', async () => {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    checkJs: true,
    noEmit: true,
    noImplicitAny: false,
  };
  const tsconfig = {
    compilerOptions: { ...compilerOptions, types: ['node'] },
    files: EXAMPLES.map((name) => `${name}.mjs`),
  };
  await writeFile(join(installed.directory, 'tsconfig.json'), JSON.stringify(tsconfig));
  await expect(run(process.execPath, [TSC, '-p', installed.directory])).resolves.toMatchObject({ stdout: '' });
});

it('npx layover serve runs from the packed file', async () => {
  const cwd = installed.directory;
  const port = await freePort();
  const env = { ...programEnvironment(), REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` };
  // npx does not pass a signal on; timeout sends it to the whole group.
  const command = ['300', 'npx', '--no-install', 'layover', 'serve'];
  await using service = await RunningProcess.start('timeout', command, { cwd, env });
  await waitForPort(port, service, { timeoutMs: 60_000 });
  expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
  expect((await run('npx', ['--no-install', 'registry', '--version'], { cwd })).stdout).toMatch(/ layover v\d/);
});

describe.each(NODES)('on Node.js %s', (version) => {
  let node: string;
  beforeAll(async () => {
    node = await installed.node(version);
  }, 120_000);

  /** Starts an example that serves; `await using` ends it. */
  async function start(name: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    const data = await mkdtemp(join(installed.directory, 'data-'));
    const options = { cwd: installed.directory, env: { PATH: process.env['PATH'], PORT: '0', ...env } };
    const program = await RunningProcess.start(node, [`${name}.mjs`, ...args, data], options);
    const [, url = ''] = await program.waitForOutput(/listening on (http:\/\/\S+)/);
    return { url, data, program, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  }

  const runExample = (name: string, ...args: string[]) =>
    run(node, [`${name}.mjs`, ...args], {
      cwd: installed.directory,
      env: { PATH: process.env['PATH'], HOME: installed.directory },
    });

  it('is the version that it should be', async () => {
    const { stdout } = await run(node, ['--version']);
    expect(stdout.startsWith(`v${version}`)).toBe(true);
  });

  it('express-registry serves what is pushed to it, beside the pages of the app', async () => {
    await using app = await start('express-registry');
    const image = smallImage();
    const pusher = new Pusher(app.url);
    await pusher.image('team/app', image, '1');
    await pusher.expectWhole('team/app', image, '1');
    expect(await (await fetch(`${app.url}/repositories`)).json()).toEqual(['team/app']);
    expect((await fetch(`${app.url}/other`)).status).toBe(404);
    expect(await app.program.stop()).toEqual({ code: 0, signal: null });
    expect(await readdir(join(app.data, 'docker/registry/v2/repositories'))).toEqual(['team']);
  });

  it('cache-and-registry lets anyone pull, and the writer push', async () => {
    await using app = await start('cache-and-registry', [], { PASSWORD: 'secret' });
    const image = smallImage();
    const [, layer = image] = image.blobs;
    const uploads = `${app.url}/v2/team/app/blobs/uploads/?digest=${layer.digest}`;
    const push = (headers: Record<string, string>) => fetch(uploads, { method: 'POST', body: layer.bytes, headers });
    const refused = await push({});
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="layover"']);
    const authorization = `Basic ${Buffer.from('ci:secret').toString('base64')}`;
    expect((await push({ authorization })).status).toBe(201);
    expect((await fetch(`${app.url}/v2/team/app/blobs/${layer.digest}`)).status).toBe(200);
    const catalog = await fetch(`${app.url}/v2/_catalog`);
    expect(catalog.status).toBe(401);
    const upstreamName = await fetch(`${app.url}/v2/ghcr.io/a/b/blobs/uploads/`, {
      method: 'POST',
      headers: { authorization },
    });
    expect(upstreamName.status).toBe(405);
    expect(await app.program.stop()).toEqual({ code: 0, signal: null });
  });

  it('loads no package with layover/oci, and works when it is bundled', async () => {
    const program = `import { parseDigest } from 'layover/oci';\nimport { connect } from 'layover/client';\nconsole.log(typeof parseDigest, connect('localhost:1').host);`;
    const file = join(installed.directory, 'bundled.mjs');
    const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    await build({
      stdin: { contents: program, resolveDir: installed.directory },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: file, banner: { js: banner }, logLevel: 'silent' },
    });
    expect((await run(node, [file], { cwd: '/' })).stdout).toBe('function localhost:1\n');
    const { metafile } = await build({
      stdin: { contents: `export * from 'layover/oci';`, resolveDir: installed.directory },
      ...{ bundle: true, platform: 'node', format: 'esm', write: false, metafile: true, logLevel: 'silent' },
    });
    const inputs = Object.keys(metafile.inputs).filter((input) => input !== '<stdin>');
    expect(inputs.filter((input) => !input.includes('layover/dist/'))).toEqual([]);
    expect(inputs.filter((input) => !/dist\/(?:oci|library)\//.test(input))).toEqual([]);
  });

  it('own-storage-driver passes the contract suite', async () => {
    const { stdout } = await run(node, ['--test', 'own-storage-driver.mjs'], { cwd: installed.directory });
    expect(stdout).toMatch(/^# fail 0$|^ℹ fail 0$/m);
    expect(Number(/^(?:#|ℹ) pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(40);
  });

  describe.skipIf(dockerRegistry === undefined)('with a registry', () => {
    it('pull-through-cache fetches once, and serves without the registry afterwards', async () => {
      const upstream = await startDockerRegistryOn(
        dockerRegistry ?? '',
        await mkdtemp(join(installed.directory, 'upstream-')),
      );
      const image = smallImage();
      await pushImage(upstream.url, { repository: 'library/app', tag: '1' }, image);
      await using app = await start('pull-through-cache', [new URL(upstream.url).host]);
      const cache = new Pusher(app.url);
      await cache.expectWhole('library/app', image, '1');
      await app.program.waitForOutput(new RegExp(`stored library/app ${image.blobs[1]?.digest} 100000`));
      await upstream[Symbol.asyncDispose]();
      await cache.expectWhole('library/app', image, '1');
      expect((await fetch(`${app.url}/v2/secret/app/tags/list`)).status).toBe(403);
      expect((await fetch(`${app.url}/v2/library/app/manifests/1`, { method: 'DELETE' })).status).toBe(405);
      expect(await app.program.stop()).toEqual({ code: 0, signal: null });
    });

    it('list-tags prints tags and digests, and an error for a repository that does not exist', async () => {
      await using upstream = await startDockerRegistryOn(
        dockerRegistry ?? '',
        await mkdtemp(join(installed.directory, 'upstream-')),
      );
      const image = smallImage();
      await pushImage(upstream.url, { repository: 'team/app', tag: '1.0' }, image);
      const { host } = new URL(upstream.url);
      const { stdout } = await runExample('list-tags', host, 'team/app');
      expect(stdout).toBe(`1.0  ${image.digest}  application/vnd.oci.image.manifest.v1+json  2 parts\n`);
      await expect(runExample('list-tags', host, 'team/none')).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('NAME_UNKNOWN') as string,
      });
    });

    it('copy-image copies between two registries', async () => {
      await using upstream = await startDockerRegistryOn(
        dockerRegistry ?? '',
        await mkdtemp(join(installed.directory, 'upstream-')),
      );
      await using app = await start('express-registry');
      const image = smallImage();
      await pushImage(upstream.url, { repository: 'team/app', tag: '1' }, image);
      const { stdout } = await runExample(
        'copy-image',
        `${new URL(upstream.url).host}/team/app:1`,
        `${new URL(app.url).host}/mirror/app:2`,
      );
      expect(stdout).toContain(`copied ${image.digest}, 2 blobs`);
      await new Pusher(app.url).expectWhole('mirror/app', image, '2');
    });
  });
});
