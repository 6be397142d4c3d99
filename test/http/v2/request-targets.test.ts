import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cleanTarget } from '../../../src/http/v2/request-target.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { htpasswdOf } from '../../auth/htpasswd-file.ts';
import { exchangeBytes, parseResponses } from './raw-exchange.ts';
import { app, type ReadScene, startReadScene } from './read-scene.ts';

let scene: ReadScene;
beforeAll(async () => {
  scene = await startReadScene({ storage: { delete: { enabled: true } } });
});
afterAll(() => scene?.[Symbol.asyncDispose]());

async function send(path: string, method = 'GET', body?: string | Buffer, to: ReadScene = scene) {
  const asking = request({ port: to.layover.port, host: '127.0.0.1', path, method, agent: false }).end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: response.statusCode, location: response.headers.location, text: await text(response) };
}

describe('double slashes', () => {
  it.each([
    ['//v2/', '/v2/'],
    ['/v2//', '/v2/'],
    ['/v2//?a=b//c', '/v2/?a=b//c'],
    ['///v2///team//app////manifests//1', '/v2/team/app/manifests/1'],
    [
      '/v2/team/app/tags/list//?n=1&last=x%2F%2Fy&ns=docker.io',
      '/v2/team/app/tags/list/?n=1&last=x%2F%2Fy&ns=docker.io',
    ],
    ['/v2/team%2F%2fapp/manifests/1', '/v2/team/app/manifests/1'],
    ['/v2/team/%2Fapp/manifests/1', '/v2/team/app/manifests/1'],
    ['/v2/%0d%0aX-Injected:1//a', '/v2/%0d%0aX-Injected:1/a'],
  ])('%s leads to %s, by GET and HEAD', async (path, clean) => {
    for (const method of ['GET', 'HEAD']) {
      expect(await send(path, method)).toEqual({ status: 301, location: clean, text: '' });
    }
  });

  it('can be followed to the content', async () => {
    const { location = '' } = await send('//v2//team/app/manifests/1');
    const { status, text: body } = await send(location);
    expect([status, digestOf(Buffer.from(body))]).toEqual([200, app.digest]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('keep the method of %s, and change nothing', async (method) => {
    const path = method === 'POST' ? 'new/blobs/uploads' : 'team/app/manifests/1';
    expect(await send(`/v2//${path}`, method, 'x'.repeat(10))).toEqual({
      status: 308,
      location: `/v2/${path}`,
      text: '',
    });
    expect((await send('/v2/team/app/manifests/1')).status).toBe(200);
    expect((await send('/v2/new/tags/list')).status).toBe(404);
  });

  it('end the connection of a long unread body after the redirect', async () => {
    const head = 'PUT /v2//a/manifests/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n';
    const [response] = parseResponses(await exchangeBytes(scene.layover.port, Buffer.from(`${head}x`)), ['PUT']);
    expect([response?.status, response?.headers.get('location'), response?.headers.get('connection')]).toEqual([
      308,
      '/v2/a/manifests/1',
      'close',
    ]);
  });

  it.each([
    '//evil.example/v2/',
    '//evil.example//v2//',
    '/\\evil.example//v2/',
    '//evil.example/%2e%2e//v2/',
    '/%2F/evil.example/v2/',
    '//evil.example',
    'http://evil.example//evil.example/v2/',
    '//v2x/',
  ])('never lead elsewhere: %s', async (path) => {
    const { status, location } = await send(path);
    expect([status, location]).toEqual([404, undefined]);
  });

  it('lead to the same host, for any host in the target', async () => {
    expect(await send('http://evil.example//v2/')).toMatchObject({ status: 301, location: '/v2/' });
  });

  it('lead unknown callers as well: it reveals nothing', async () => {
    await using guarded = await startReadScene();
    const path = guarded.temporaryPath('htpasswd');
    await writeFile(path, await htpasswdOf({ me: 'pw' }));
    await guarded.layover.restart({ auth: { htpasswd: { realm: 'r', path } } });
    for (const name of ['team/app', 'none']) {
      const clean = `/v2/${name}/manifests/1`;
      expect(await send(`/${clean}`, 'GET', undefined, guarded)).toMatchObject({ status: 301, location: clean });
      expect(await send(clean, 'GET', undefined, guarded)).toMatchObject({ status: 401 });
    }
  });

  it('lead below the prefix', async () => {
    await using prefixed = await startReadScene({ http: { prefix: '/a/b/' } });
    expect(await send('//a//b/v2//_catalog', 'GET', undefined, prefixed)).toMatchObject({
      status: 301,
      location: '/a/b/v2/_catalog',
    });
    expect((await send('//v2/', 'GET', undefined, prefixed)).status).toBe(404);
  });
});

it('a slash at the end is served at once', async () => {
  for (const path of ['/v2', '/v2/team/app/tags/list/', '/v2/team/app/manifests/1/']) {
    expect([path, (await send(path)).status]).toEqual([path, 200]);
  }
});

it.each(['/v2/', '/v2/a?b=//', '/v2/a%2Fb/tags/list', '/v2/a%252F%252Fb', ''])('%s is already clean', (target) => {
  expect(cleanTarget(target)).toBe(target);
});
