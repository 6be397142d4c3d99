import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { ask, errorOf, json } from '../http/v2/ask.ts';
import { app, startReadScene, type ReadScene, small } from '../http/v2/read-scene.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { basic, htpasswdOf } from './htpasswd-file.ts';

const directory = await temporaryDirectory();
const path = join(directory.path, 'htpasswd');
const alice = basic('alice', 'correct horse');
const MANIFEST = '/v2/team/app/manifests/1';

let scene: ReadScene;

beforeAll(async () => {
  await writeFile(path, `# people\n\n${await htpasswdOf({ alice: 'correct horse', bob: 'pä:ss' })}old:$apr1$abc$def\n`);
  scene = await startReadScene({ auth: { htpasswd: { realm: 'the "house"', path }, maxfailures: 0 } });
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

describe('a registry with htpasswd', () => {
  it.each(['/v2/', MANIFEST, `/v2/team/app/blobs/${small.digest}`, '/v2/_catalog', '/v2/team/app/tags/list'])(
    'asks who it is for %s',
    async (target) => {
      const answer = await ask(`${scene.layover.url}${target}`);
      expect(errorOf(answer)).toEqual([401, 'UNAUTHORIZED']);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="the \\"house\\""');
      expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
    },
  );

  it('describes the required access like distribution', async () => {
    const answer = await ask(`${scene.layover.url}/v2/a/b/blobs/uploads/?mount=${app.digest}&from=c`, {
      method: 'POST',
    });
    const record = (Name: string, Action: string) => ({ Type: 'repository', Class: '', Name, Action });
    const detail = [record('a/b', 'pull'), record('a/b', 'push'), record('c', 'pull')];
    expect(json(answer)).toEqual({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required', detail }] });
    const ping = json(await ask(`${scene.layover.url}/v2/`));
    expect(ping).toEqual({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required', detail: null }] });
  });

  it('responds to HEAD and OPTIONS like to GET', async () => {
    for (const method of ['HEAD', 'OPTIONS']) {
      const answer = await ask(`${scene.layover.url}${MANIFEST}`, { method });
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Basic realm="the \\"house\\""']);
      expect((await ask(`${scene.layover.url}${MANIFEST}`, { method, headers: alice })).status).toBe(200);
    }
  });

  it('parses untrusted headers in linear time', async () => {
    const headers = { authorization: `Basic y${' '.repeat(12_000)}z` };
    const before = performance.now();
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(`${scene.layover.url}/v2/`, { headers })));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(401));
    expect(performance.now() - before).toBeLessThan(2_500);
  });

  it('accepts users, and names them in the log', async () => {
    const answer = await ask(`${scene.layover.url}${MANIFEST}`, { headers: basic('bob', 'pä:ss') });
    expect([answer.status, answer.headers['docker-content-digest']]).toEqual([200, app.digest]);
    await scene.layover.waitForOutput(/auth\.user\.name=bob .*uri=\/v2\/team\/app\/manifests\/1/);
    expect((await ask(`${scene.layover.url}/v2/`, { headers: alice })).status).toBe(200);
    expect((await ask(`${scene.layover.url}/v2/_catalog`, { headers: alice })).status).toBe(200);
  });

  it.each([
    ['a wrong password', basic('alice', 'wrong')],
    ['an unknown user', basic('eve', 'correct horse')],
    ['a user whose hash is not bcrypt', basic('old', 'def')],
    ['no colon', { authorization: `Basic ${btoa('alice')}` }],
    ['no base64', { authorization: 'Basic %%%' }],
    ['nothing behind the scheme', { authorization: 'Basic' }],
    ['a scheme that is not offered', { authorization: 'Bearer abc' }],
    ['no scheme', { authorization: 'alice' }],
    ['an empty header', { authorization: '' }],
    ['neither user nor password', basic('', '')],
  ])('sends a challenge after %s', async (_what, headers) => {
    const answer = await ask(`${scene.layover.url}${MANIFEST}`, { headers });
    expect(errorOf(answer)).toEqual([401, 'UNAUTHORIZED']);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="the \\"house\\""');
  });

  it('reveals nothing about requests of unknown clients', async () => {
    for (const target of ['/v2/UPPER/manifests/1', '/v2/_catalog?n=x', '/v2/nothing', '/v2/a/manifests/!']) {
      expect(errorOf(await ask(`${scene.layover.url}${target}`))).toEqual([401, 'UNAUTHORIZED']);
      expect((await ask(`${scene.layover.url}${target}`, { headers: alice })).status).toBeOneOf([400, 404]);
    }
  });

  it('does not affect pages outside the registry', async () => {
    expect((await ask(`${scene.layover.url}/`)).status).toBe(200);
  });

  it('never writes a password or a hash to its log', async () => {
    await ask(`${scene.layover.url}/v2/`, { headers: basic('alice', 'a-wrong-password') });
    await scene.layover.waitForOutput(/line skipped.* line=5 .*reason="the hash is not bcrypt/);
    expect(scene.layover.output).not.toMatch(/correct horse|a-wrong-password|\$2y\$|apr1/);
  });
});

describe('the file of htpasswd', () => {
  it('is read again when it changes, and removed users are rejected', async () => {
    const own = join(directory.path, 'changing');
    await writeFile(own, await htpasswdOf({ alice: 'one' }));
    await using layover = await Layover.start({ config: { auth: { htpasswd: { realm: 'r', path: own } } } });
    const statusOf = async (password: string) =>
      (await ask(`${layover.url}/v2/`, { headers: basic('alice', password) })).status;
    expect([await statusOf('one'), await statusOf('two')]).toEqual([200, 401]);
    await writeFile(own, await htpasswdOf({ alice: 'two' }));
    await vi.waitFor(async () => expect([await statusOf('one'), await statusOf('two')]).toEqual([401, 200]), 10_000);
  });

  it('is created when it is missing, with a user whose password is logged once', async () => {
    const own = join(directory.path, 'new', 'htpasswd');
    await using layover = await Layover.start({ config: { auth: { htpasswd: { realm: 'r', path: own } } } });
    const [, password = ''] = await layover.waitForOutput(/ user=docker password=([\w-]{43})/);
    expect((await ask(`${layover.url}/v2/`, { headers: basic('docker', password) })).status).toBe(200);
    await layover.restart();
    expect((await ask(`${layover.url}/v2/`, { headers: basic('docker', password) })).status).toBe(200);
    expect(layover.output).not.toContain(password);
  });

  it('that cannot be read prevents startup, with its name in the error', async () => {
    const start = Layover.start({ config: { auth: { htpasswd: { realm: 'r', path: directory.path } } } });
    await expect(start).rejects.toThrow(`auth.htpasswd.path: cannot use ${directory.path}: not a file`);
  });

  it('is protected by a limit of failures per user and address', async () => {
    await using layover = await Layover.start({ config: { auth: { htpasswd: { realm: 'r', path }, maxfailures: 3 } } });
    const tries = (headers: { authorization: string }) => ask(`${layover.url}/v2/`, { headers });
    expect((await tries(alice)).status).toBe(200);
    for (let i = 0; i < 3; i++) expect((await tries(basic('alice', `guess ${i}`))).status).toBe(401);
    const refused = await tries(basic('alice', 'another'));
    expect(errorOf(refused)).toEqual([429, 'TOOMANYREQUESTS']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await tries(alice)).status).toBe(200); // known from a moment ago
    expect((await tries(basic('bob', 'pä:ss'))).status).toBe(200); // and another user has not guessed
    await layover.waitForOutput(/too many failed logins/);
  });

  it('verifies only as many concurrent guesses as allowed', async () => {
    await using layover = await Layover.start({ config: { auth: { htpasswd: { realm: 'r', path }, maxfailures: 5 } } });
    const guess = async (_: unknown, i: number) =>
      (await ask(`${layover.url}/v2/`, { headers: basic('alice', `guess ${i}`) })).status;
    const statuses = await Promise.all(Array.from({ length: 40 }, guess));
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(35);
  });

  it('logs once that addresses belong to an untrusted proxy', async () => {
    await using layover = await Layover.start({ config: { auth: { htpasswd: { realm: 'r', path } } } });
    for (const header of ['x-forwarded-for', 'forwarded', 'x-forwarded-for']) {
      await ask(`${layover.url}/v2/`, { headers: { ...alice, [header]: 'for=192.0.2.1' } });
    }
    await layover.waitForOutput(
      /level=warning msg="X-Forwarded-For ignored: .*http\.trustedproxies.* client="?127\.0\.0\.1/,
    );
    expect(layover.output.match(/X-Forwarded-For ignored/g)).toHaveLength(1);
  });
});
