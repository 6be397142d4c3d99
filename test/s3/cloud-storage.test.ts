import { access, chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { copyCheckout } from '../support/checkout.ts';
import { freePort, RunningProcess } from '../support/processes.ts';
import { programEnvironment } from '../support/programs.ts';
import { ACCESS_KEY, BUCKET, findVersitygw, SECRET_KEY, startVersitygw } from './versitygw.ts';

const program = await findVersitygw();
const REPOSITORY = join(import.meta.dirname, '../..');

async function make(target: string, cwd: string, env: NodeJS.ProcessEnv) {
  await using run = await RunningProcess.start('make', [target], { cwd, env });
  const { code } = await run.exited;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

/** The variables that distribution's BUILDING page shows, for a server on a free port. */
async function buildingVariables() {
  return {
    ...programEnvironment(),
    COMPOSE: '',
    DOCKER_HOST: 'tcp://127.0.0.1:1',
    AWS_ACCESS_KEY: 'distribution',
    AWS_SECRET_KEY: 'password',
    AWS_REGION: 'us-east-1',
    S3_BUCKET: 'images-local',
    S3_ENCRYPT: 'false',
    S3_SECURE: 'false',
    REGION_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
  };
}

async function push(url: string): Promise<number> {
  const started = await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST' });
  const location = new URL(started.headers.get('location') ?? '', url);
  // sha256 of nothing but "hi"
  location.searchParams.set('digest', 'sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4');
  return (await fetch(location, { method: 'PUT', body: 'hi' })).status;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe.skipIf(program === undefined)('make start-cloud-storage', () => {
  it('without docker: starts a store that tests/conf-local-cloud.yml pushes to; stop keeps the content', async () => {
    await using checkout = await copyCheckout();
    const env = await buildingVariables();
    const objects = join(checkout.path, 'tests/cloud-storage/data/images-local/registry-v2/docker/registry/v2');
    try {
      const started = await make('start-cloud-storage', checkout.path, env);
      expect(started.code, started.stderr).toBe(0);
      expect(started.stdout).toContain(
        `REGISTRY_STORAGE_S3_REGIONENDPOINT=${env.REGION_ENDPOINT} ./bin/registry serve tests/conf-local-cloud.yml\n`,
      );
      expect((await make('start-s3-storage', checkout.path, env)).code).toBe(0);

      const registry = await RunningProcess.start(
        join(REPOSITORY, 'dist/main.js'),
        ['serve', join(checkout.path, 'tests/conf-local-cloud.yml')],
        {
          env: {
            ...env,
            REGISTRY_HTTP_ADDR: '127.0.0.1:0',
            REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0',
            REGISTRY_STORAGE_S3_REGIONENDPOINT: env.REGION_ENDPOINT,
          },
        },
      );
      await using _ = registry;
      const [, url = ''] = await registry.waitForOutput(/listening on (http:\/\/\S+)/);
      expect(await push(url)).toBe(201);
      expect(await exists(join(objects, 'blobs'))).toBe(true);
    } finally {
      const stopped = await make('stop-cloud-storage', checkout.path, env);
      expect(stopped).toMatchObject({ code: 0, stdout: 'S3 store stopped\n' });
    }
    await expect(fetch(env.REGION_ENDPOINT)).rejects.toThrow('fetch failed');
    expect(await exists(join(objects, 'blobs'))).toBe(true);
    expect((await make('stop-s3-storage', checkout.path, env)).code).toBe(0);
  });

  it('reset removes the content', async () => {
    await using checkout = await copyCheckout();
    const env = await buildingVariables();
    try {
      expect((await make('start-s3-storage', checkout.path, env)).code).toBe(0);
      const file = join(checkout.path, 'tests/cloud-storage/data/images-local/kept');
      await writeFile(file, 'x');
      expect((await make('reset-s3-storage', checkout.path, env)).code).toBe(0);
      expect(await exists(file)).toBe(false);
      expect((await fetch(env.REGION_ENDPOINT)).status).toBe(403);
    } finally {
      await make('stop-s3-storage', checkout.path, env);
    }
  });

  it('names the port when another program has it', async () => {
    await using checkout = await copyCheckout();
    await using other = await startVersitygw(program ?? '');
    const env = { ...(await buildingVariables()), REGION_ENDPOINT: other.url };
    const { code, stderr } = await make('start-cloud-storage', checkout.path, env);
    expect(code).toBe(2);
    expect(stderr).toContain(`cloud-storage: versitygw did not start at 127.0.0.1:${other.port}: `);
    expect(await exists(join(checkout.path, 'tests/cloud-storage/pid'))).toBe(false);
  });

  it('with compose: runs the compose file with the port and the keys, and creates the bucket', async () => {
    await using checkout = await copyCheckout();
    // What compose would start.
    await using server = await startVersitygw(program ?? '');
    const compose = join(checkout.path, 'compose');
    const log = join(checkout.path, 'compose.log');
    await writeFile(compose, `#!/bin/sh\necho "$* port=$S3_PORT key=$AWS_ACCESS_KEY" >> '${log}'\n`);
    await chmod(compose, 0o755);
    const env = {
      ...(await buildingVariables()),
      PATH: `${checkout.path}${delimiter}${process.env.PATH}`,
      COMPOSE: 'compose --ansi never',
      REGION_ENDPOINT: server.url,
      AWS_ACCESS_KEY: ACCESS_KEY,
      AWS_SECRET_KEY: SECRET_KEY,
      S3_BUCKET: `${BUCKET}-2`,
    };
    for (const target of ['start-cloud-storage', 'stop-cloud-storage', 'reset-cloud-storage']) {
      expect((await make(target, checkout.path, env)).code).toBe(0);
    }
    expect(await exists(join(server.root, env.S3_BUCKET))).toBe(true);
    const file = join(checkout.path, 'tests/docker-compose-storage.yml');
    const end = ` port=${server.port} key=${ACCESS_KEY}`;
    expect((await readFile(log, 'utf8')).trim().split('\n')).toEqual([
      `--ansi never -f ${file} up -d${end}`,
      `--ansi never -f ${file} down${end}`,
      `--ansi never -f ${file} down --volumes${end}`,
      `--ansi never -f ${file} up -d${end}`,
    ]);
  });
});
