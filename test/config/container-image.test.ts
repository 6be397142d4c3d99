import { access, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config/load.ts';
import { RunningProcess } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(import.meta.dirname, '../..');

describe('the storage directory of the container image', () => {
  it("is distribution's, without a configuration", async () => {
    const image = await loadConfig({ file: join(root, 'config/docker.yml'), env: {} });
    const { config: builtIn } = await loadConfig({ env: {} });
    expect(image.warnings).toEqual([]);
    expect(image.config.proxy).toEqual(builtIn.proxy);
    expect(image.config.http.listen).toEqual({ net: 'tcp', host: undefined, port: 5000 });
    expect(image.config.storage.driver).toEqual({
      kind: 'filesystem',
      rootDirectory: '/var/lib/registry',
      durability: 'full',
    });
  });

  it('is copied from files that exist and are not in .dockerignore', async () => {
    const sources = await copiedFiles();
    expect(sources).toContain('src');
    const ignore = await readFile(join(root, '.dockerignore'), 'utf8');
    for (const source of sources) {
      await expect(access(join(root, source)), source).resolves.toBeUndefined();
      expect(ignore.split('\n')).toContain(`!${source}`);
    }
  });
});

/** The two paths of the image, in a temporary directory; nothing is mounted at first. */
async function imagePlaces() {
  const directory = await temporaryDirectory();
  const [current, former] = ['etc/distribution', 'etc/docker/registry'].map((place) => join(directory.path, place));
  for (const path of [current, former]) await mkdir(path ?? '', { recursive: true });
  const places = { current: join(current ?? '', 'config.yml'), former: join(former ?? '', 'config.yml') };
  const env = { LAYOVER_CONFIGURATION_PLACES: `${places.current}:${places.former}` };
  return { ...places, env, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

const WITH_AUTH = `version: 0.1
storage: inmemory
http: {addr: "127.0.0.1:0"}
auth: {htpasswd: {realm: r, path: ${join(root, 'package.json')}}}
`;

describe('a configuration that is mounted into the container image', () => {
  it('is found at the paths of registry:3 and registry:2, unless the command names another file', async () => {
    const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
    expect(dockerfile).toMatch(
      /^ENV(?:.*\\\n)?.*LAYOVER_CONFIGURATION_PLACES=\/etc\/distribution\/config\.yml:\/etc\/docker\/registry\/config\.yml$/m,
    );
    expect(dockerfile).toMatch(/^CMD \["serve"\]$/m);
    expect(dockerfile).toMatch(/CMD \["layover", "healthcheck"\]$/m);
    // Only without a built-in file is a file at these paths certainly mounted.
    expect(dockerfile).not.toMatch(/(?:COPY|install|cp) .*\/etc\//);
  });

  it('at the path of registry:2 is used with its users, and logged', async () => {
    await using image = await imagePlaces();
    await writeFile(image.former, WITH_AUTH);
    const running = await RunningProcess.start(process.execPath, [LAYOVER_MAIN, 'serve'], {
      env: { ...programEnvironment(), ...image.env },
    });
    try {
      const [, url] = await running.waitForOutput(/listening on (http:\/\/127\.0\.0\.1:\d+)/);
      expect((await fetch(`${url}/v2/`)).status).toBe(401);
      expect((await fetch(`${url}/v2/_catalog`)).status).toBe(401);
      await expect.poll(() => running.output).toContain(`${image.former}: used because no configuration is named`);
    } finally {
      await running.stop();
    }
  });

  it('at both paths is that of registry:3, with a warning about the other', async () => {
    await using image = await imagePlaces();
    await writeFile(image.former, WITH_AUTH);
    await writeFile(image.current, 'version: 0.1\nstorage: inmemory\n');
    const { source, warnings } = await loadConfig({ env: image.env });
    expect(source).toBe(image.current);
    expect(warnings).toEqual([`${image.former}: not read, because ${image.current} is used`]);
  });

  it('is not used when an argument or a variable names another', async () => {
    await using image = await imagePlaces();
    await writeFile(image.former, WITH_AUTH);
    const other = join(root, 'config/docker.yml');
    expect((await loadConfig({ file: other, env: image.env })).source).toBe(other);
    const env = { ...image.env, REGISTRY_CONFIGURATION_PATH: other };
    expect((await loadConfig({ env })).source).toBe(other);
  });

  it('is not replaced by the built-in default when it cannot be read', async () => {
    await using image = await imagePlaces();
    // Docker creates a directory for a mounted file that does not exist; a link of a volume may be dangling.
    await mkdir(image.former);
    await expect(loadConfig({ env: image.env })).rejects.toThrow(`${image.former}: cannot be read (EISDIR)`);
    await symlink('/nonexistent/config.yml', image.current);
    await expect(loadConfig({ env: image.env })).rejects.toThrow(`${image.current}: cannot be read (ENOENT)`);
  });

  it('is read by every command; without it, they read the built-in default', async () => {
    await using image = await imagePlaces();
    expect((await runLayover(['config', 'check'], { env: image.env })).stdout).toContain('OK: built-in default');
    await writeFile(image.former, WITH_AUTH);
    expect((await runLayover(['config', 'check'], { env: image.env })).stdout).toContain(`OK: ${image.former}`);
  });

  it('is not searched for on other machines, where it may belong to another program', async () => {
    expect((await loadConfig({ env: {} })).source).toBe('built-in default');
  });
});

/** From the repository, not from another stage. */
async function copiedFiles(): Promise<string[]> {
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)];
  return copies.flatMap(([, files = '']) => files.split(' '));
}
