import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { closeOnFailure } from '../../src/service/close-stack.ts';
import { type DockerDaemon, startDockerDaemon } from '../clients/docker-daemon.ts';
import { certificate } from '../http/tls/certificates.ts';
import { pushImage, smallImage } from '../package/small-image.ts';
import { findVersitygw } from '../s3/versitygw.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { isSkipped, ROOT } from './built-packages.ts';
import { loadImages, S3, UPSTREAM } from './compose-images.ts';
import { type ComposeOptions, ComposeProject, findCompose } from './compose-program.ts';

const PATIENT = { timeout: 120_000 };
/** The official image listens to other containers; elsewhere Redis refuses those without this option. */
const REDIS = { command: ['redis-server', '--appendonly', 'yes', '--protected-mode', 'no'] };
const UPSTREAM_CONFIG = {
  version: 0.1,
  storage: { filesystem: { rootdirectory: '/data' } },
  http: { addr: ':5000' },
};

const compose = await findCompose();
if (compose === undefined) console.warn('skipped: starting the compose files: this machine has no compose');
const programs = ['dockerd', 'docker', 'docker-registry', 'redis-server', 'nginx', 'apt-get', 'dpkg-deb'];
const unready = (await isSkipped('starting the compose files', { programs, root: true })) || compose === undefined;
const isolated = await dropsForwarded();
if (isolated)
  console.warn('skipped: starting the compose files: iptables drops what bridges forward (as dockerd sets it)');
const versitygw = await findVersitygw();
if (versitygw === undefined) console.warn('skipped: starting redis-s3.yml: this machine lacks versitygw');

describe.skipIf(unready || isolated)('the files of packaging/compose, started', { timeout: 300_000 }, () => {
  const image = smallImage();
  let daemon: DockerDaemon;
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    [daemon, directory] = [await startDockerDaemon(), await temporaryDirectory()];
    await chmod(directory.path, 0o755);
    await loadImages(daemon, versitygw);
    await writeFile(join(directory.path, 'upstream.yml'), stringify(UPSTREAM_CONFIG));
    const served = await readFile(join(ROOT, 'config/docker.yml'), 'utf8');
    const config = served.replace('https://registry-1.docker.io', 'http://upstream:5000');
    if (config === served) throw new Error('config/docker.yml has another upstream');
    await writeFile(join(directory.path, 'config.yml'), config, { mode: 0o644 });
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  /** Its default upstream is another container, which has the image. */
  async function up(file: string, options: Partial<ComposeOptions> & { layovers?: readonly string[]; more?: object }) {
    const { layovers = ['layover'], more = {}, ...others } = options;
    const mounted = { volumes: [`${directory.path}/config.yml:/etc/distribution/config.yml:ro`] };
    const services = {
      ...Object.fromEntries(layovers.map((name) => [name, mounted])),
      upstream: {
        image: UPSTREAM,
        ports: ['127.0.0.1::5000'],
        volumes: [`${directory.path}/upstream.yml:/etc/config.yml:ro`, '/data'],
      },
      ...more,
    };
    const project = await ComposeProject.up({
      daemon,
      compose: compose ?? [],
      directory: join(directory.path, file),
      file,
      override: stringify({ services }, { version: '1.1' }),
      ...others,
    });
    return closeOnFailure(async (opened) => {
      opened.defer(() => project[Symbol.asyncDispose]());
      const upstream = `http://${await project.address('upstream', 5000)}`;
      await expect.poll(() => statusOf(`${upstream}/v2/`), PATIENT).toBe(200);
      await pushImage(upstream, { repository: 'library/app', tag: '1' }, image);
      return project;
    });
  }

  async function writeTls(file: string): Promise<string> {
    const ca = await certificate('authority');
    const { cert, key } = await certificate('localhost', { ca });
    const tls = join(directory.path, file, 'compose/tls');
    await mkdir(tls, { recursive: true });
    await writeFile(join(tls, 'fullchain.pem'), cert);
    await writeFile(join(tls, 'privkey.pem'), key);
    return ca.cert;
  }

  it('compose.yml caches an image, keeps it over a restart, and shows health and content', async () => {
    await using project = await up('compose.yml', {});
    await pullWhole(await responding(project));
    await project.stop('upstream');
    await project.recreate('layover');
    await pullWhole(await responding(project));
    expect(await project.exec('layover', 'layover', 'healthcheck')).toContain('responded with 200');
    expect(await project.exec('layover', 'layover', 'cache', 'list')).toContain('library/app:1');
    expect(await statusOf(`http://${await project.address('layover', 5001)}/metrics`)).toBe(200);
  });

  it('tls.yml serves with its certificate', async () => {
    const ca = await writeTls('tls.yml');
    await using project = await up('tls.yml', {});
    await expectPulledOverTls(await project.address('layover', 5000), ca);
  });

  it('nginx.yml serves an image before and after a replica is replaced', async () => {
    const ca = await writeTls('nginx.yml');
    const layovers = ['layover-1', 'layover-2'];
    await using project = await up('nginx.yml', {
      layovers,
      env: { LAYOVER_SECRET: 'a random text' },
      more: { redis: REDIS },
    });
    const address = await project.address('nginx', 443);
    await expectPulledOverTls(address, ca);
    await project.recreate('layover-1');
    await expectPulledOverTls(address, ca);
  });

  it.skipIf(versitygw === undefined)('redis-s3.yml has its content in the bucket', async () => {
    const s3 = {
      image: S3,
      environment: { ROOT_ACCESS_KEY: 'access', ROOT_SECRET_KEY: 'a secret key' },
    };
    const endpoint = {
      environment: {
        REGISTRY_STORAGE_S3_REGIONENDPOINT: 'http://s3:7070',
        // this machine does not know the name
        REGISTRY_STORAGE_REDIRECT_DISABLE: 'true',
      },
    };
    const volumes = [`${directory.path}/config.yml:/etc/distribution/config.yml:ro`];
    const env = {
      S3_BUCKET: 'images',
      S3_REGION: 'us-east-1',
      S3_ACCESS_KEY: 'access',
      S3_SECRET_KEY: 'a secret key',
    };
    await using project = await up('redis-s3.yml', {
      env,
      more: { s3, redis: REDIS, layover: { ...endpoint, volumes } },
    });
    const url = await responding(project);
    await pullWhole(url);
    await project.stop('upstream');
    await pullWhole(url);
    expect(await project.exec('layover', 'layover', 'cache', 'list')).toContain('library/app:1');
    expect(await project.logs('layover')).toContain('Redis available');
  });

  /** @returns its URL, which is another one after a restart */
  async function responding(project: ComposeProject): Promise<string> {
    const urlOf = async () => `http://${await project.address('layover', 5000)}`;
    await expect
      .poll(async () => statusOf(`${await urlOf()}/v2/`), PATIENT)
      .toBe(200)
      .catch(async (err: unknown) => {
        throw new Error(await project.logs('layover'), { cause: err });
      });
    return urlOf();
  }

  async function pullWhole(url: string, dispatcher?: Agent): Promise<void> {
    const contents = [['manifests/1', image.bytes] as const, ...image.blobs.map(blobOf)];
    for (const [path, bytes] of contents) {
      const response = await fetch(`${url}/v2/library/app/${path}`, dispatcher && { dispatcher });
      expect(response.status, path).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes), path).toBe(true);
    }
  }

  async function expectPulledOverTls(address: string, ca: string): Promise<void> {
    const url = `https://localhost:${address.split(':')[1]}`;
    const agent = new Agent({ connect: { ca } });
    await expect.poll(() => statusOf(`${url}/v2/`, agent), PATIENT).toBe(200);
    await pullWhole(url, agent);
    await agent.close();
  }
});

/** The daemon of the tests adds no rules; with this policy of another one, containers do not reach each other. */
function dropsForwarded(): Promise<boolean> {
  return runProgram('iptables', ['--list-rules', 'FORWARD']).then(
    ({ stdout }) => stdout.startsWith('-P FORWARD DROP'),
    () => false,
  );
}

const blobOf = ({ digest, bytes }: { digest: string; bytes: Uint8Array }) => [`blobs/${digest}`, bytes] as const;

/** @returns the status, or the error's code */
function statusOf(url: string, dispatcher?: Agent): Promise<unknown> {
  return fetch(url, dispatcher && { dispatcher }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    (err: unknown) => err,
  );
}
