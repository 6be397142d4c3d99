import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { describe, expect, it } from 'vitest';

import { OCI_INDEX } from '../../src/oci/media-types.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startServer } from '../support/start-server.ts';
import { hostOf, manifestAt, runImage } from './image-scene.ts';

function attached() {
  const images = new Images();
  const index = images.addIndex('team/app', '1');
  const signature = images.addArtifact('team/app', index, 'application/example.signature', 'signed');
  const sbom = images.addArtifact('team/app', index.images.arm64, 'application/example.sbom', 'parts');
  const ofSignature = images.addArtifact('team/app', signature, 'application/example.timestamp', 'then');
  return { images, index, signature, sbom, ofSignature };
}

describe('--referrers', () => {
  it('copies referrers and their referrers: by the API, a layout, and the tag schema', async () => {
    const { images, index, signature, sbom, ofSignature } = attached();
    await using hub = await Hub.start(images, { challenge: 'none' });
    await using plain = await startRegistryBackend(new Images());
    await using second = await startRegistryBackend(new Images());
    await using directory = await temporaryDirectory();
    const run = (...args: string[]) => runImage(directory.path, args);
    const target = `${hostOf(plain)}/copied/app:1`;
    expect(await run('copy', '-q', '--referrers', `127.0.0.1:${hub.port}/team/app:1`, 'oci:layout')).toMatchObject({
      code: 0,
    });
    expect(await run('copy', '-q', '--referrers', 'oci:layout', target)).toMatchObject({ code: 0, stderr: '' });
    expect(await run('copy', '-q', '--referrers', target, `${hostOf(second)}/copied/app:1`)).toMatchObject({ code: 0 });
    for (const registry of [plain.url, second.url]) {
      for (const { digest, bytes } of [index, signature, sbom, ofSignature]) {
        expect(await manifestAt(registry, 'copied/app', digest)).toEqual(bytes);
      }
      const fallback = await manifestAt(registry, 'copied/app', index.digest.replace(':', '-'));
      expect(JSON.parse(String(fallback))).toMatchObject({
        mediaType: OCI_INDEX,
        manifests: [{ digest: signature.digest, artifactType: 'application/example.signature' }],
      });
    }
  });

  it('without it, only the image is copied', async () => {
    const { images, index, signature } = attached();
    await using hub = await Hub.start(images, { challenge: 'none' });
    await using plain = await startRegistryBackend(new Images());
    await using directory = await temporaryDirectory();
    await runImage(directory.path, ['copy', '-q', `127.0.0.1:${hub.port}/team/app:1`, `${hostOf(plain)}/app:1`]);
    expect(await manifestAt(plain.url, 'app', '1')).toEqual(index.bytes);
    expect(await manifestAt(plain.url, 'app', signature.digest)).toBeUndefined();
  });
});

describe('a registry that wants credentials', () => {
  it('gets those of docker login; without them the error names the command', async () => {
    const images = new Images();
    const image = images.addImage('private/app', '1');
    await using hub = await Hub.start(images);
    hub.tokens.users.set('me', 'secret-word');
    hub.tokens.privateRepositories.add('private/app');
    await using directory = await temporaryDirectory();
    const source = `127.0.0.1:${hub.port}/private/app:1`;
    const refused = await runImage(directory.path, ['pull', '-q', source, '-o', 'a.tar']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`docker login 127.0.0.1:${hub.port}`)]);
    const auth = Buffer.from('me:secret-word').toString('base64');
    await mkdir(join(directory.path, 'docker'));
    const config = JSON.stringify({ auths: { [`127.0.0.1:${hub.port}`]: { auth } } });
    await writeFile(join(directory.path, 'docker/config.json'), config);
    const env = { DOCKER_CONFIG: join(directory.path, 'docker') };
    const found = await runImage(directory.path, ['pull', '-q', source, '-o', 'a.tar'], { env });
    expect(found).toMatchObject({ code: 0, stdout: `${image.digest}\n`, stderr: '' });
    const named = ['pull', '-q', source, '-o', 'b.tar', '--authfile', 'docker/config.json'];
    expect((await runImage(directory.path, named)).code).toBe(0);
  });
});

describe('a registry with TLS', () => {
  it('whose CA is unknown is not trusted, until the CA is given', async () => {
    const images = new Images();
    const image = images.addImage('app', '1');
    await using backend = await startRegistryBackend(images);
    await using tls = await startTls(backend.url);
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'ca.pem'), tls.certificate);
    const args = ['pull', '-q', `localhost:${tls.port}/app:1`];
    const refused = await runImage(directory.path, [...args, '-o', 'a.tar']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--tls-ca')]);
    for (const [i, trust] of [['--tls-ca', 'ca.pem'], ['--insecure']].entries()) {
      const trusted = await runImage(directory.path, [...args, '-o', `${i}.tar`, ...trust]);
      expect([trusted.code, trusted.stdout]).toEqual([0, `${image.digest}\n`]);
    }
  });
});

async function relay(target: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { accept = '*/*' } = req.headers;
  const response = await fetch(`${target}${req.url}`, { method: req.method ?? 'GET', headers: { accept } });
  const body = Buffer.from(await response.arrayBuffer());
  const headers = ['content-type', 'docker-content-digest'].flatMap((name) => [name, response.headers.get(name) ?? '']);
  res.writeHead(response.status, [...headers, 'content-length', String(body.length)]).end(body);
}

async function startTls(target: string) {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const server = createServer({ cert: pems.cert, key: pems.private }, (req, res) => {
    void relay(target, req, res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    certificate: pems.cert,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('Layover as the registry', () => {
  it('accepts images with their referrers, by its referrers API', async () => {
    const { images, index, signature } = attached();
    await using hub = await Hub.start(images, { challenge: 'none' });
    await using layover = await Layover.start();
    await using directory = await temporaryDirectory();
    const target = `127.0.0.1:${layover.port}/copied/app:1`;
    const args = ['copy', '--referrers', `127.0.0.1:${hub.port}/team/app:1`, target];
    const { code, stdout, stderr } = await runImage(directory.path, args);
    expect([code, stdout, stderr]).toEqual([0, `${index.digest}\n`, expect.not.stringContaining('warning')]);
    const listed = await fetch(`${layover.url}/v2/copied/app/referrers/${index.digest}`);
    expect(await listed.json()).toMatchObject({ manifests: [{ digest: signature.digest }] });
    const mounted = await runImage(directory.path, ['copy', target, `127.0.0.1:${layover.port}/other/app:2`]);
    expect([mounted.code, mounted.stderr]).toEqual([0, expect.stringContaining('mounted')]);
    const tags = await runImage(directory.path, ['list', `127.0.0.1:${layover.port}/copied/app`, '--digests']);
    expect(tags.stdout).toContain(`1    ${index.digest}`);
  });
});

describe('layover image list and inspect', () => {
  it('list every page of a registry and of a repository', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `v${String(i).padStart(3, '0')}`);
    await using registry = await startServer((req, res) => {
      const url = new URL(req.url ?? '', 'http://registry');
      const after = url.searchParams.get('last') ?? '';
      const page = names.filter((name) => name > after).slice(0, 100);
      const isLast = page.at(-1) === names.at(-1);
      const key = url.pathname === '/v2/_catalog' ? 'repositories' : 'tags';
      if (!isLast) res.setHeader('link', `<${url.pathname}?n=100&last=${page.at(-1)}>; rel="next"`);
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ [key]: page }));
    });
    await using directory = await temporaryDirectory();
    const expected = names.map((name) => `${name}\n`).join('');
    for (const name of [`127.0.0.1:${registry.port}`, `127.0.0.1:${registry.port}/team/app`]) {
      expect(await runImage(directory.path, ['list', name])).toMatchObject({ code: 0, stdout: expected });
    }
    const json = await runImage(directory.path, ['list', '--json', `127.0.0.1:${registry.port}`]);
    expect(JSON.parse(json.stdout)).toEqual({ repositories: names });
  });

  it('describe an index and the requested image; --raw prints the manifest itself', async () => {
    const images = new Images();
    const index = images.addIndex('team/app', '1', { layers: [5_000] });
    await using backend = await startRegistryBackend(images);
    await using directory = await temporaryDirectory();
    const name = `${hostOf(backend)}/team/app:1`;
    const text = await runImage(directory.path, ['inspect', name, '--platform', 'linux/arm64']);
    expect(text.stdout).toMatch(new RegExp(`Digest +${index.digest}`));
    expect(text.stdout).toMatch(new RegExp(`linux/amd64 +${index.images.amd64.digest}`));
    expect(text.stdout).toMatch(/Platform +linux\/arm64\n/);
    for (const layer of index.images.arm64.layers) expect(text.stdout).toContain(layer);
    const json = await runImage(directory.path, ['inspect', '--json', name, '--platform', 'linux/arm64']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      digest: index.digest,
      mediaType: OCI_INDEX,
      image: { digest: index.images.arm64.digest, platform: 'linux/arm64', cmd: ['/hello'] },
    });
    expect((await runImage(directory.path, ['inspect', '--raw', name])).stdout).toBe(index.bytes.toString('utf8'));
  });

  it('show examples with --help', async () => {
    await using directory = await temporaryDirectory();
    for (const command of ['copy', 'pull', 'push', 'list', 'inspect']) {
      const { code, stdout } = await runImage(directory.path, [command, '--help']);
      expect([code, stdout]).toEqual([0, expect.stringContaining(`$ layover image ${command}`)]);
    }
  });
});
