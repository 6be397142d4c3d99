import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { CredentialsConfig } from '../../src/config/config.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { connect, failureOf } from './support/connect.ts';
import { BASIC, credentials, guarded, sendManifest, startTokens } from './support/guarded-registry.ts';
import { BY_DIGEST, LATEST, manifest } from './support/samples.ts';
import { type Script, sendJson, startScripted } from './support/scripted-server.ts';

describe('a Bearer challenge', () => {
  it('is met with a token for its scope, which the next request sends at once', async () => {
    await using tokens = await startTokens();
    await using registry = await startScripted(guarded(() => `${tokens.url}/token?x=1`));
    await using up = connect(registry.url, { credentials });
    await up.upstream.resolveManifest('library/a', LATEST);
    await up.upstream.resolveManifest('library/a', LATEST);
    await up.upstream.fetchManifest('library/a', BY_DIGEST);

    expect(registry.seen.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['HEAD', undefined],
      ['HEAD', 'Bearer t1'],
      ['HEAD', 'Bearer t1'],
      ['GET', 'Bearer t1'],
    ]);
    expect(tokens.seen).toHaveLength(1);
    expect(tokens.seen[0]?.headers.authorization).toBe(BASIC);
    const query = new URL(tokens.seen[0]?.url ?? '', tokens.url).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      x: '1',
      service: 'reg',
      scope: 'repository:library/a:pull',
      account: 'jack',
    });
    expect(up.events('exchangeCompleted').map(({ operation, status }) => [operation, status])).toEqual([
      ['manifest', 401],
      ['token', 200],
      ['manifest', 200],
      ['manifest', 200],
      ['manifest', 200],
    ]);
  });

  it('is met anonymously without credentials', async () => {
    await using tokens = await startTokens({ token: undefined, access_token: 'other-name' });
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    await up.upstream.resolveManifest('a', LATEST);
    expect(tokens.seen[0]?.headers.authorization).toBeUndefined();
    expect(tokens.seen[0]?.url).not.toContain('account');
    expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer other-name');
  });

  it('costs one token request for many concurrent calls', async () => {
    await using tokens = await startTokens();
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    await Promise.all(Array.from({ length: 20 }, () => up.upstream.resolveManifest('a', LATEST)));
    expect(tokens.seen).toHaveLength(1);
  });

  it('needs another token for another repository', async () => {
    await using tokens = await startTokens();
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    await up.upstream.resolveManifest('a', LATEST);
    await up.upstream.resolveManifest('b', LATEST);
    expect(tokens.lines().map((line) => decodeURIComponent(line))).toEqual([
      'GET /?service=reg&scope=repository:a:pull',
      'GET /?service=reg&scope=repository:b:pull',
    ]);
  });

  it.each([
    [{}, 60_000],
    [{ expires_in: 0 }, 60_000],
    [{ expires_in: 'soon' }, 60_000],
    [{ expires_in: 10 }, 10_000],
  ])('keeps a token with %j for %i ms', async (fields, lifetimeMs) => {
    let now = 0;
    await using tokens = await startTokens(fields);
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url, { now: () => now });
    await up.upstream.resolveManifest('a', LATEST);
    now = lifetimeMs * 0.8 - 1;
    await up.upstream.resolveManifest('a', LATEST);
    expect(tokens.seen).toHaveLength(1);
    now = lifetimeMs;
    await up.upstream.resolveManifest('a', LATEST);
    expect(tokens.seen).toHaveLength(2);
    expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer t2');
  });

  it('fetches one new token when the registry calls a kept one invalid', async () => {
    let good = 't1';
    await using tokens = await startTokens();
    await using registry = await startScripted(
      guarded(
        () => tokens.url,
        (token) => token === good,
      ),
    );
    await using up = connect(registry.url);
    await up.upstream.resolveManifest('a', LATEST);
    good = 't2';
    await Promise.all([up.upstream.resolveManifest('a', LATEST), up.upstream.resolveManifest('a', LATEST)]);
    expect(tokens.seen).toHaveLength(2);
  });

  it('ends as unauthorized, not in a loop, when a fresh token is refused', async () => {
    await using tokens = await startTokens();
    await using registry = await startScripted(
      guarded(
        () => tokens.url,
        () => false,
      ),
    );
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe('unauthorized');
    expect(error.message).toBe('up: 401 UNAUTHORIZED: authentication required');
    expect(registry.seen).toHaveLength(2);
    expect(tokens.seen).toHaveLength(1);
  });
});

describe('a token server', () => {
  it.each([
    [401, 'unauthorized'],
    [403, 'denied'],
    [404, 'protocol'],
    [429, 'throttled'],
    [500, 'server'],
    [302, 'protocol'],
  ] as const)('that answers %i makes the call fail as %s', async (status, kind) => {
    await using tokens = await startScripted((_req, res) => sendJson(res, status, { details: 'no such user' }));
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url, { credentials });
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(error.kind).toBe(kind);
    expect(error.options.status).toBe(status);
    expect(error.message).toBe(`up: ${status} from ${new URL(tokens.url).host}: no such user`);
    expect(error.message).not.toContain('pa:ss');
  });

  it.each([
    ['garbage', 'no {json'],
    ['no token', '{"expires_in":300}'],
    ['no text', '{"token":{}}'],
    ['an injected header', JSON.stringify({ token: 'x\r\nevil: 1' })],
    ['more than 64 KiB', JSON.stringify({ token: 'x'.repeat(70_000) })],
  ])('that sends %s makes the call fail as protocol', async (_, body) => {
    await using tokens = await startScripted((_req, res) => void res.writeHead(200).end(body));
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('protocol');
  });

  it('gets another request from the next call after a failure', async () => {
    await using tokens = await startScripted((_req, res, seen) =>
      seen.length === 1 ? sendJson(res, 401, {}) : sendJson(res, 200, { token: 't' }),
    );
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });

  it('that moved is found again', async () => {
    await using old = await startTokens();
    await using moved = await startTokens();
    let realm = old.url;
    let now = 0;
    await using registry = await startScripted(guarded(() => realm));
    await using up = connect(registry.url, { now: () => now });
    await up.upstream.fetchManifest('a', LATEST);
    realm = moved.url;
    await old[Symbol.asyncDispose]();
    now = 1_000_000;
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  });

  it('that hangs does not hold a caller beyond its deadline', async () => {
    await using tokens = await startScripted(() => {});
    await using registry = await startScripted(guarded(() => tokens.url));
    await using up = connect(registry.url);
    const error = await failureOf(up.upstream.fetchManifest('a', LATEST, { deadlineMs: 100 }));
    expect(error.kind).toBe('timeout');
    expect(error.message).toBe('up: no response within 100 ms');
  });

  it('exchanges an identity token by the refresh grant', async () => {
    const posted: string[] = [];
    await using tokens = await startScripted((req, res) => {
      req.setEncoding('utf8').on('data', (text: string) => posted.push(text));
      req.on('end', () => sendJson(res, 200, { access_token: 'issued' }));
    });
    await using registry = await startScripted(guarded(() => tokens.url));
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'config.json');
    await writeFile(path, JSON.stringify({ auths: { [new URL(registry.url).host]: { identitytoken: 'refresh-me' } } }));
    await using up = connect(registry.url, { credentials: [{ kind: 'dockerconfig', path }] });
    await up.upstream.fetchManifest('a', LATEST);
    expect(tokens.seen).toMatchObject([
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ]);
    expect(Object.fromEntries(new URLSearchParams(posted.join('')))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'layover',
      refresh_token: 'refresh-me',
      service: 'reg',
      scope: 'repository:a:pull',
    });
    expect(registry.seen.at(-1)?.headers.authorization).toBe('Bearer issued');
  });
});

describe('a token server on another domain (CVE-2026-33540)', () => {
  it('gets a request for an anonymous token, and no credentials', async () => {
    await using tokens = await startTokens();
    for (const configured of [credentials, []]) {
      await using registry = await startScripted(guarded(() => `${tokens.localhostUrl}/token`));
      await using up = connect(registry.url, { credentials: configured });
      expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    }
    expect(tokens.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ['/token?service=reg&scope=repository%3Aa%3Apull', undefined],
      ['/token?service=reg&scope=repository%3Aa%3Apull', undefined],
    ]);
  });

  it('gets the credentials whose configuration names it, and no others', async () => {
    await using tokens = await startTokens();
    const named = [
      { ...credentials[0], username: 'other' } as CredentialsConfig,
      { ...credentials[0], realms: [`localhost:${tokens.port}`] } as CredentialsConfig,
    ];
    await using registry = await startScripted(guarded(() => `${tokens.localhostUrl}/token`));
    await using up = connect(registry.url, { credentials: named });
    await up.upstream.fetchManifest('a', LATEST);
    expect(tokens.seen.map(({ headers }) => headers.authorization)).toEqual([BASIC]);
  });

  it('gets no request at an internal address of a cloud', async () => {
    await using registry = await startScripted(guarded(() => 'http://169.254.169.254/token'));
    await using up = connect(registry.url, { credentials });
    const failure = await failureOf(up.upstream.fetchManifest('a', LATEST));
    expect(failure.message).toContain('leads to 169.254.169.254, an internal address');
  });

  it('that cannot be used does not prevent a response to another challenge', async () => {
    await using thief = await startTokens();
    await using registry = await startScripted((req, res, seen) => {
      if (req.headers.authorization === BASIC) return sendManifest(req, res, seen);
      res.setHeader('www-authenticate', [`Bearer realm="ftp://localhost:${thief.port}"`, 'Basic realm="reg"']);
      res.writeHead(401).end();
    });
    await using up = connect(registry.url, { credentials });
    await up.upstream.fetchManifest('a', LATEST);
    expect(thief.seen).toEqual([]);
  });

  it.each(['not a url', 'file:///etc/passwd', ''])('that is %j is an error that names the realm', async (realm) => {
    await using registry = await startScripted(guarded(() => realm));
    await using up = connect(registry.url, { credentials });
    expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('unauthorized');
  });
});

describe('a Basic challenge', () => {
  const basic: Script = (req, res, seen) => {
    if (req.headers.authorization === BASIC) return sendManifest(req, res, seen);
    res.writeHead(401, { 'www-authenticate': 'BASIC realm="reg"' }).end();
  };

  it('is met with the credentials, at once the next time', async () => {
    await using registry = await startScripted(basic);
    await using up = connect(registry.url, { credentials });
    await up.upstream.resolveManifest('a', LATEST);
    await up.upstream.resolveManifest('a', LATEST);
    expect(registry.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, BASIC, BASIC]);
  });

  it('is unauthorized without credentials', async () => {
    await using registry = await startScripted(basic);
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.resolveManifest('a', LATEST))).kind).toBe('unauthorized');
    expect(registry.seen).toHaveLength(1);
  });
});

describe('mirrors', () => {
  it("do not get the upstream's credentials, nor do their token servers", async () => {
    await using tokens = await startTokens();
    await using mirror = await startScripted(guarded(() => tokens.url));
    await using remote = await startScripted(sendManifest);
    await using up = connect(remote.url, { mirrors: [mirror.url], credentials });
    expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    expect(tokens.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(remote.seen).toEqual([]);
  });

  it('get the credentials that a docker config has for their host', async () => {
    await using tokens = await startTokens();
    await using mirror = await startScripted(guarded(() => tokens.url));
    await using remote = await startScripted(sendManifest);
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'config.json');
    const auth = Buffer.from('jack:pa:ss').toString('base64');
    await writeFile(path, JSON.stringify({ auths: { [new URL(mirror.url).host]: { auth } } }));
    await using up = connect(remote.url, { mirrors: [mirror.url], credentials: [{ kind: 'dockerconfig', path }] });
    await up.upstream.fetchManifest('a', LATEST);
    expect(tokens.seen.map(({ headers }) => headers.authorization)).toEqual([BASIC]);
  });
});
