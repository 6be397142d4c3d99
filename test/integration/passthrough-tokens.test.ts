import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { Images } from '../support/images.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { CONFIG, imageOf, LAYER, Repository } from './manifest-pushing.ts';
import { PUSHER, READER, startPassthrough, TokenRegistry } from './passthrough-scene.ts';
import { send, type Sent } from './pushing.ts';

const skopeo = await findProgram('skopeo');
if (skopeo === undefined) process.stderr.write('skipped: skopeo pushes to a registry with tokens (no skopeo)\n');

const MAY_PUSH = { credentials: [PUSHER] };

async function startUpload(url: string): Promise<string> {
  const started = await send('POST', `${url}/v2/team/app/blobs/uploads/`);
  expect(started.status).toBe(202);
  return next(started, url);
}

const next = ({ headers }: Sent, url: string) => new URL(String(headers.location), url).href;

async function pushImage(url: string, name: string) {
  const repository = new Repository(url, 'team/app');
  await repository.addBlobs(CONFIG, LAYER);
  const image = imageOf(name);
  expect((await repository.put(image, '1')).status).toBe(201);
  return image;
}

describe('push: passthrough to a registry with a token server', () => {
  it('asks for tokens that may push, and the next pull has what is new', async () => {
    await using upstream = await TokenRegistry.start();
    await using cache = await startPassthrough(upstream.url, MAY_PUSH);
    const repository = new Repository(cache.url, 'team/app');
    for (const name of ['first', 'second']) {
      const image = await pushImage(cache.url, name);
      expect(digestOf(Buffer.from((await repository.get('manifests/1')).body))).toBe(image.digest);
    }
    expect(upstream.scopes).toEqual(['repository:team/app:pull,push', 'repository:team/app:pull']);
  });

  it('asks for what a mount and a delete need, when they come', async () => {
    await using upstream = await TokenRegistry.start();
    await using cache = await startPassthrough(upstream.url, MAY_PUSH);
    const image = await pushImage(cache.url, 'mounted');
    const mount = `mount=${LAYER.digest}&from=team/app`;
    expect((await send('POST', `${cache.url}/v2/team/other/blobs/uploads/?${mount}`)).status).toBe(201);
    expect((await send('DELETE', `${cache.url}/v2/team/app/manifests/${image.digest}`)).status).toBe(202);
    expect(await new Repository(cache.url, 'team/app').status('manifests/1')).toBe(404);
    expect(upstream.scopes.slice(0, 3)).toEqual([
      'repository:team/app:pull,push',
      'repository:team/other:pull,push repository:team/app:pull',
      'repository:team/app:delete,pull,push',
    ]);
  });

  it('renews the token when it ends in the middle of an upload', async () => {
    await using upstream = await TokenRegistry.start({ lifetime: '1s' });
    await using cache = await startPassthrough(upstream.url, MAY_PUSH);
    let location = await startUpload(cache.url);
    const sent: Buffer[] = [];
    while (upstream.scopes.length < 3) {
      const body = Buffer.from(`piece ${sent.length}`);
      const patched = await send('PATCH', location, { body });
      expect(patched.status).toBe(202);
      location = next(patched, cache.url);
      sent.push(body);
    }
    const whole = Buffer.concat(sent);
    expect((await send('PUT', `${location}&digest=${digestOf(whole)}`)).status).toBe(201);
    const stored = await upstream.layover.visibleBlobs();
    expect(stored.map(({ digest, intact }) => [digest, intact])).toEqual([[digestOf(whole), true]]);
  });

  it('gets another token for one that is refused, and has the client send again what went with it', async () => {
    await using upstream = await TokenRegistry.start();
    await using cache = await startPassthrough(upstream.url, MAY_PUSH);
    const location = await startUpload(cache.url);
    await upstream.revokeAll();
    const refused = await send('PATCH', location, { body: LAYER.bytes });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    const again = await send('PATCH', location, { body: LAYER.bytes });
    expect(again.status).toBe(202);
    await upstream.revokeAll();
    const done = await send('PUT', `${next(again, cache.url)}&digest=${LAYER.digest}`);
    expect(done.status).toBe(201);
    await upstream.revokeAll();
    const config = await send('POST', `${cache.url}/v2/team/app/blobs/uploads/`);
    expect(config.status).toBe(202);
    const stored = await upstream.layover.visibleBlobs();
    expect(stored.map(({ digest, intact }) => [digest, intact])).toEqual([[LAYER.digest, true]]);
  });

  it.each([
    ['are wrong', { ...PUSHER, password: 'not-the-right-one' }],
    ['may not push', READER],
  ])('tells the client that our credentials %s, and nothing else of them', async (_, credentials) => {
    await using upstream = await TokenRegistry.start();
    await using cache = await startPassthrough(upstream.url, { credentials: [credentials] });
    const url = `${cache.url}/v2/team/app`;
    const answers = [
      await send('POST', `${url}/blobs/uploads/`),
      await send('POST', `${url}/blobs/uploads/?digest=${LAYER.digest}`, { body: LAYER.bytes }),
      await new Repository(cache.url, 'team/app').put(imageOf('refused'), '1'),
      await send('DELETE', `${url}/manifests/1`),
    ];
    for (const { status, headers, body } of answers) {
      expect([status, headers['www-authenticate']]).toEqual([403, undefined]);
      expect(body).toContain('DENIED');
      expect(body + cache.output).not.toContain(credentials.password);
      expect(body).not.toContain(credentials.username);
    }
    expect(await upstream.layover.visibleBlobs()).toEqual([]);
  });

  it.skipIf(skopeo === undefined)(
    'takes what skopeo pushes',
    async () => {
      const source = new Images();
      const image = source.addImage('new', '2', { layers: [3_000_000] });
      await using from = await startRegistryBackend(source);
      await using upstream = await TokenRegistry.start();
      await using cache = await startPassthrough(upstream.url, MAY_PUSH);
      const [a, b] = [from.url, cache.url].map((url) => url.replace('http://', 'docker://'));
      const options = ['--src-tls-verify=false', '--dest-tls-verify=false', '--preserve-digests'];
      await runProgram(String(skopeo), ['--insecure-policy', 'copy', ...options, `${a}/new:2`, `${b}/team/app:1`]);
      const pulled = await new Repository(cache.url, 'team/app').get('manifests/1');
      expect(digestOf(Buffer.from(pulled.body))).toBe(image.digest);
    },
    60_000,
  );
});
