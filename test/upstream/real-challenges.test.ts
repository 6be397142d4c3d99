import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { CredentialsConfig } from '../../src/config/config.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { connect, failureOf } from './support/connect.ts';
import { writeHelper } from './support/fake-helper.ts';
import { BASIC, credentials, guarded, sendManifest, startTokens } from './support/guarded-registry.ts';
import { LATEST, manifest } from './support/samples.ts';
import { sendJson, startScripted } from './support/scripted-server.ts';

describe('a challenge without a scope', () => {
  it.each(['', ',scope=""'])('(%j) is met with a token for the repository', async (scope) => {
    await using tokens = await startTokens();
    await using registry = await startScripted((req, res, seen) => {
      if (req.headers.authorization) return sendManifest(req, res, seen);
      res.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}",service="reg"${scope}` }).end();
    });
    await using up = connect(registry.url);
    await up.upstream.resolveManifest('team/a', LATEST);
    await up.upstream.resolveManifest('b', LATEST);
    expect(tokens.lines().map(decodeURIComponent)).toEqual([
      'GET /?service=reg&scope=repository:team/a:pull',
      'GET /?service=reg&scope=repository:b:pull',
    ]);
  });

  it('is met with one for pushing, for a push', async () => {
    await using tokens = await startTokens();
    await using registry = await startScripted((req, res) => {
      if (req.headers.authorization) return void res.writeHead(201).end();
      res.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}"` }).end();
    });
    await using up = connect(registry.url);
    const header = await up.upstream.authorizeWrite('a', { from: 'b', deletes: false });
    expect(header).toBe('Bearer t1');
    expect(tokens.lines().map(decodeURIComponent)).toEqual([
      'GET /?scope=repository:a:pull,push&scope=repository:b:pull',
    ]);
  });
});

describe('a registry that accepts Basic or a token', () => {
  const offers = (realm: string) => ['Basic realm="r"', `Bearer realm="${realm}",service="reg"`];

  it.each([
    ['gets an anonymous token without credentials', {}, 'Bearer t1', 1],
    ['gets the credentials that there are', { credentials }, BASIC, 0],
  ])('%s', async (_what, options, authorization, tokensIssued) => {
    await using tokens = await startTokens();
    await using registry = await startScripted((req, res, seen) => {
      if (req.headers.authorization) return sendManifest(req, res, seen);
      res.writeHead(401, { 'www-authenticate': offers(tokens.url) }).end();
    });
    await using up = connect(registry.url, options);
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(registry.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, authorization]);
    expect(tokens.seen).toHaveLength(tokensIssued);
  });
});

describe('a redirect to a registry that challenges', () => {
  it('is met with an anonymous token, which is sent only to that registry', async () => {
    await using tokens = await startTokens();
    await using behind = await startScripted(guarded(() => tokens.localhostUrl));
    await using front = await startScripted((req, res) => {
      if (req.headers.authorization !== BASIC) res.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else res.writeHead(307, { location: `${behind.localhostUrl}${req.url}` }).end();
    });
    await using up = connect(front.url, { credentials });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    const shown = (seen: typeof behind.seen) => seen.map(({ headers }) => headers.authorization);
    expect(shown(tokens.seen)).toEqual([undefined]);
    expect(shown(behind.seen)).toEqual([undefined, 'Bearer t1', undefined, 'Bearer t1']);
    expect(shown(front.seen)).toEqual([undefined, BASIC, BASIC]);
  });

  it('ends when the token is refused', async () => {
    await using tokens = await startTokens();
    await using behind = await startScripted(
      guarded(
        () => tokens.localhostUrl,
        () => false,
      ),
    );
    await using front = await startScripted(
      (req, res) => void res.writeHead(307, { location: `${behind.localhostUrl}${req.url}` }).end(),
    );
    await using up = connect(front.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('unauthorized');
    expect(behind.seen.length).toBeLessThanOrEqual(4);
  });
});

describe('a password of a helper that is refused', () => {
  /** A helper that gives `pw1`, `pw2`, …, and how often it ran. */
  async function startHelper() {
    const directory = await temporaryDirectory();
    const body = `n=$(( $(cat ${directory.path}/n 2>/dev/null || echo 0) + 1 )); echo $n > ${directory.path}/n; printf '{"Username":"u","Secret":"pw%s"}' $n`;
    const command = await writeHelper(directory.path, 'helper', body);
    const exec: CredentialsConfig = { kind: 'exec', command, lifetimeMs: undefined };
    const runs = async () => Number(await readFile(join(directory.path, 'n'), 'utf8'));
    return { credentials: [exec], runs, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
  }
  const basicOf = (password: string) => `Basic ${Buffer.from(`u:${password}`).toString('base64')}`;

  it.each([401, 403])('with %i is fetched again once for concurrent calls', async (status) => {
    let good = 'pw1';
    await using helper = await startHelper();
    await using registry = await startScripted((req, res, seen) => {
      if (req.headers.authorization === basicOf(good)) return sendManifest(req, res, seen);
      const challenge = { 'www-authenticate': 'Basic realm="r"' };
      if (req.headers.authorization === undefined) res.writeHead(401, challenge).end();
      else res.writeHead(status, status === 401 ? challenge : {}).end('expired');
    });
    await using up = connect(registry.url, { credentials: helper.credentials, env: process.env });
    await up.upstream.resolveManifest('a', LATEST);
    for (const expired of ['pw2', 'pw3']) {
      good = expired;
      await Promise.all(['a', 'b', 'c', 'a'].map((name) => up.upstream.resolveManifest(name, LATEST)));
    }
    expect(await helper.runs()).toBe(3);
  });

  it('by a token server is fetched again once', async () => {
    let good = 'pw1';
    await using helper = await startHelper();
    await using tokens = await startScripted((req, res, seen) =>
      req.headers.authorization === basicOf(good)
        ? sendJson(res, 200, { token: `t${seen.length}` })
        : sendJson(res, 401, {}),
    );
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url, { credentials: helper.credentials, env: process.env });
    await up.upstream.resolveManifest('a', LATEST);
    good = 'pw2';
    await up.upstream.resolveManifest('b', LATEST);
    expect([await helper.runs(), tokens.seen.length]).toEqual([2, 3]);
  });

  it('is not fetched for each request when no password helps', async () => {
    await using helper = await startHelper();
    await using registry = await startScripted((req, res) => {
      if (req.headers.authorization === undefined) res.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else res.writeHead(403).end();
    });
    await using up = connect(registry.url, { credentials: helper.credentials, env: process.env });
    for (let i = 0; i < 5; i++) await failureOf(up.upstream.resolveManifest('a', LATEST));
    expect(await helper.runs()).toBe(2);
    for (let i = 0; i < 20; i++) await failureOf(up.upstream.resolveManifest(`other${i}`, LATEST));
    expect(await helper.runs()).toBeLessThanOrEqual(7);
  });
});
