import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { htpasswdOf } from '../../auth/htpasswd-file.ts';
import { ask } from './ask.ts';
import { type ReadScene, startReadScene } from './read-scene.ts';

const ORIGIN = 'https://ui.example.com';
const HEADERS = {
  'access-control-allow-origin': ORIGIN,
  'access-control-allow-methods': 'HEAD, GET, OPTIONS, DELETE',
  'access-control-allow-headers': 'Authorization, Accept',
  'access-control-max-age': '1728000',
};
const PREFLIGHT = {
  origin: ORIGIN,
  'access-control-request-method': 'DELETE',
  'access-control-request-headers': 'authorization',
};

let open: ReadScene;
let closed: ReadScene;
const guardedScene = async (headers: Record<string, string>) => {
  const scene = await startReadScene();
  const path = scene.temporaryPath('htpasswd');
  await writeFile(path, await htpasswdOf({ me: 'pw' }));
  await scene.layover.restart({ http: { headers }, auth: { htpasswd: { realm: 'r', path } } });
  return scene;
};
beforeAll(async () => {
  open = await guardedScene(
    Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name.toUpperCase(), value])),
  );
  closed = await guardedScene({ 'x-frame-options': 'DENY' });
});
afterAll(async () => {
  await open?.[Symbol.asyncDispose]();
  await closed?.[Symbol.asyncDispose]();
});

describe('the preflight of a web interface on another origin', () => {
  it('gets a response without credentials, the same for existing and missing content', async () => {
    const responses = await Promise.all(
      ['team/app/manifests/1', 'none/manifests/1', '_catalog', '', 'no/endpoint', 'UPPER/tags/list'].map(
        async (path) => {
          const { status, headers, body } = await ask(`${open.layover.url}/v2/${path}`, {
            method: 'OPTIONS',
            headers: PREFLIGHT,
          });
          const { date: _date, ...others } = headers;
          return { status, headers: others, body: body.toString() };
        },
      ),
    );
    expect(responses[0]).toMatchObject({ status: 204, headers: HEADERS, body: '' });
    for (const response of responses) expect(response).toEqual(responses[0]);
  });

  it('grants no access: the next request without credentials gets 401, which the page can read', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE', 'PUT']) {
      const { status, headers } = await ask(`${open.layover.url}/v2/team/app/manifests/1`, {
        method,
        headers: { origin: ORIGIN },
      });
      expect([method, status, headers]).toEqual([
        method,
        401,
        expect.objectContaining({ ...HEADERS, 'www-authenticate': 'Basic realm="r"' }),
      ]);
    }
    const authorization = `Basic ${Buffer.from('me:pw').toString('base64')}`;
    const { status, headers } = await ask(`${open.layover.url}/v2/team/app/manifests/1`, {
      headers: { origin: ORIGIN, authorization },
    });
    expect([status, headers]).toEqual([200, expect.objectContaining(HEADERS)]);
  });

  it.each([{ origin: ORIGIN }, { 'access-control-request-method': 'DELETE' }, {}])(
    'is what has both of its headers, not %j',
    async (headers) => {
      const { status } = await ask(`${open.layover.url}/v2/team/app/manifests/1`, { method: 'OPTIONS', headers });
      expect(status).toBe(401);
    },
  );

  it('needs credentials where no origin is allowed', async () => {
    const { status, headers } = await ask(`${closed.layover.url}/v2/`, { method: 'OPTIONS', headers: PREFLIGHT });
    expect([status, headers['access-control-allow-origin']]).toEqual([401, undefined]);
  });
});
