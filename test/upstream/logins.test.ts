import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import { connect, failureOf } from './support/connect.ts';
import { LATEST, MANIFEST_TYPE, manifest, manifestDigest } from './support/samples.ts';
import { sendError, sendJson, type SeenRequest, startScripted } from './support/scripted-server.ts';

const MINUTE_MS = 60_000;
const CI = { kind: 'static', username: 'ci', password: 'secret' } as const;
const LOCKED = 'too many failed login attempts for username or IP address';

type RespondToken = (res: ServerResponse, request: SeenRequest) => void;
const issue: RespondToken = (res) => sendJson(res, 200, { token: 'good', expires_in: 60 });
const refuse: RespondToken = (res) => sendJson(res, 401, { details: 'incorrect username or password' });
const lockOut: RespondToken = (res) => sendError(res, 429, 'TOOMANYREQUESTS', LOCKED);

/** A registry whose token server responds as `respond` does at the moment. */
async function startRegistry(begin: RespondToken) {
  const state = { respond: begin };
  const registry = await startScripted((req, res, seen) => {
    const request = seen.at(-1) as SeenRequest;
    if (request.url.startsWith('/token')) return state.respond(res, request);
    if (req.headers.authorization !== 'Bearer good') {
      const name = /^\/v2\/(.+)\/manifests/.exec(request.url)?.[1];
      const challenge = `Bearer realm="${registry.url}/token",service="r",scope="repository:${name}:pull"`;
      return void res.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    res
      .writeHead(200, { 'content-type': MANIFEST_TYPE, 'docker-content-digest': manifestDigest })
      .end(req.method === 'HEAD' ? undefined : manifest);
  });
  const clock = new FakeClock();
  const up = connect(registry.url, { credentials: [CI], clock });
  return {
    state,
    clock,
    up,
    tokens: () => registry.seen.filter(({ url }) => url.startsWith('/token')).length,
    pull: (name = 'a') => up.upstream.resolveManifest(name, LATEST),
    async [Symbol.asyncDispose]() {
      await up[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

describe('an account that is locked out', () => {
  it('does not log in for ten minutes, then twice as long, and is reported', async () => {
    await using scene = await startRegistry(lockOut);
    const { up, clock } = scene;
    expect((await failureOf(scene.pull())).kind).toBe('throttled');
    const held = await failureOf(scene.pull('b'));
    expect([held.kind, held.options.retryAfterMs]).toEqual(['throttled', 10 * MINUTE_MS]);
    expect(scene.tokens()).toBe(1);
    expect(up.upstream.status().logins).toMatchObject([{ account: 'ci', reason: 'locked-out' }]);
    await clock.advance(10 * MINUTE_MS);
    await failureOf(scene.pull());
    await clock.advance(19 * MINUTE_MS);
    await failureOf(scene.pull());
    expect(scene.tokens()).toBe(2);
    await clock.advance(MINUTE_MS);
    scene.state.respond = issue;
    expect(await scene.pull()).toMatchObject({ digest: manifestDigest });
    expect(up.upstream.status().logins).toBeUndefined();
    expect(up.events('loginChanged').map(({ trouble }) => trouble?.reason)).toEqual([
      'locked-out',
      'locked-out',
      undefined,
    ]);
  });

  it('goes on using the tokens that it has', async () => {
    await using scene = await startRegistry(issue);
    await scene.pull();
    scene.state.respond = lockOut;
    expect((await failureOf(scene.pull('b'))).kind).toBe('throttled');
    expect(await scene.pull()).toMatchObject({ digest: manifestDigest });
  });
});

it('a token server that names a time is not a lock-out', async () => {
  await using scene = await startRegistry((res) => {
    res.setHeader('retry-after', '5');
    sendError(res, 429, 'TOOMANYREQUESTS', 'too many requests');
  });
  expect((await failureOf(scene.pull())).options.retryAfterMs).toBe(5_000);
  expect(scene.up.upstream.status().logins).toBeUndefined();
  scene.state.respond = issue;
  expect(await scene.pull()).toMatchObject({ digest: manifestDigest });
});

describe('an account whose login is refused', () => {
  it('does not try again at once', async () => {
    await using scene = await startRegistry(refuse);
    expect((await failureOf(scene.pull())).kind).toBe('unauthorized');
    const tried = scene.tokens();
    expect((await failureOf(scene.pull('b'))).kind).toBe('unauthorized');
    expect(scene.tokens()).toBe(tried);
    expect(scene.up.upstream.status().logins).toMatchObject([{ account: 'ci', reason: 'refused' }]);
  });

  it.each(['idle', 'in use'])('for one repository continues with the others (%s)', async (before) => {
    await using scene = await startRegistry((res, request) =>
      request.url.includes('secret') ? refuse(res, request) : issue(res, request),
    );
    if (before === 'in use') await scene.pull();
    expect((await failureOf(scene.pull('secret'))).kind).toBe('unauthorized');
    expect(await scene.pull('b')).toMatchObject({ digest: manifestDigest });
    expect(scene.up.upstream.status().logins).toBeUndefined();
  });
});

it('credentials that the registry itself refuses are reported, and sent again', async () => {
  let isRefused = true;
  await using registry = await startScripted((req, res) => {
    if (isRefused || req.headers.authorization === undefined)
      return void res.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    res.writeHead(200, { 'content-type': MANIFEST_TYPE, 'docker-content-digest': manifestDigest }).end();
  });
  await using up = connect(registry.url, { credentials: [CI] });
  expect((await failureOf(up.upstream.resolveManifest('a', LATEST))).kind).toBe('unauthorized');
  expect(up.upstream.status().logins).toMatchObject([{ account: 'ci', reason: 'refused' }]);
  isRefused = false;
  await up.upstream.resolveManifest('a', LATEST);
  expect(up.upstream.status().logins).toBeUndefined();
});
