import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { exchangeBytes, parseResponses } from '../http/v2/raw-exchange.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { arbitraryWrite, bytesOf } from './arbitrary-writes.ts';
import { FUZZ_TIMEOUT_MS, fuzzing } from './fuzzing.ts';
import { LAYER } from './manifest-pushing.ts';
import { locationOf, send } from './pushing.ts';

const directory = await temporaryDirectory();
const KEY = Buffer.alloc(32, 'k');
const pusher = basic('pusher', 'right');
let layover: Layover;

beforeAll(async () => {
  const [htpasswd, jwks] = [join(directory.path, 'htpasswd'), join(directory.path, 'jwks.json')];
  await writeFile(htpasswd, await htpasswdOf({ pusher: 'right', reader: 'right' }));
  await writeFile(jwks, JSON.stringify({ keys: [{ kty: 'oct', kid: 'k', k: KEY.toString('base64url') }] }));
  layover = await Layover.start({
    config: {
      storage: { delete: { enabled: true } },
      auth: {
        htpasswd: { realm: 'house', path: htpasswd },
        token: { realm: 'https://auth.example/token', service: 'here', issuer: 'auth', jwks },
        maxfailures: 0,
        policy: [
          { users: ['pusher', 'robot'], repositories: ['**'], actions: ['*'] },
          { users: ['reader'], repositories: ['team/**'], actions: ['pull'] },
        ],
      },
    },
  });
});

afterAll(async () => {
  await layover[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function token(claims: object, { audience = 'here', expires = '5m', key = KEY } = {}): Promise<string> {
  const jwt = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', kid: 'k' }).setExpirationTime(expires);
  return await jwt.setIssuer('auth').setAudience(audience).setSubject('robot').sign(key);
}

/** With none of these may anybody write in the repositories that are asked for. */
async function badTokens(): Promise<readonly string[]> {
  const access = (name: string, ...actions: string[]) => ({ access: [{ type: 'repository', name, actions }] });
  const all = access('team/app', '*', 'pull', 'push', 'delete');
  return Promise.all([
    token(all, { audience: 'elsewhere' }),
    token(all, { expires: '-5m' }),
    token(all, { key: Buffer.alloc(32, 'x') }),
    token({}),
    token({ access: 'repository:team/app:push' }),
    token({ access: [null, 5, { type: 'repository', name: ['team/app'], actions: 'push' }] }),
    token(access('team/app', 'pull')),
    token(access('elsewhere', 'pull', 'push', 'delete')),
  ]);
}

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const NONE = `${base64('{"alg":"none"}')}.${base64('{"iss":"auth","aud":"here"}')}.`;

/** Indices stand for {@link badTokens}. */
const authorization = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(basic('reader', 'right').authorization, basic('pusher', 'wrong').authorization, `Bearer ${NONE}`),
  fc.nat(7).map((index) => `{token ${index}}`),
  fc.tuple(fc.nat(7), fc.nat(300)).map(([index, length]) => `{token ${index} ${length}}`),
  fc.string({ maxLength: 40 }).map((text) => `Basic ${base64(text)}`),
  fc.constantFrom(
    'Basic',
    'Basic ',
    'Bearer',
    'Bearer a.b.c',
    'basic !!',
    `Basic ${'A'.repeat(30_000)}`,
    'Digest a=b',
    ', ,',
  ),
  fc.stringMatching(/^[!-~ ]{0,30}$/).map((text) => `Bearer ${text}`),
);

/** With the sizes of all files. */
async function stored(): Promise<readonly string[]> {
  const files = (await filesBelow(join(layover.dataDirectory, 'docker'))).sort();
  return Promise.all(files.map(async (path) => `${path}: ${(await stat(path)).size}`));
}

it(
  'nobody writes anything without the right credentials, whatever they send',
  async () => {
    const base = `${layover.url}/v2/team/app/blobs/uploads/`;
    const pushed = await send('POST', `${base}?digest=${LAYER.digest}`, { body: LAYER.bytes, headers: pusher });
    expect(pushed.status).toBe(201);
    const { pathname, searchParams } = new URL(locationOf(await send('POST', base, { headers: pusher }), layover.url));
    const [id, state] = [pathname.split('/').at(-1) ?? '', searchParams.get('_state') ?? ''];
    const fill = (text: string) => text.replaceAll(/\{id[01]\}/g, id).replaceAll(/\{state[01]\}/g, state);
    const tokens = await badTokens();
    const credentialsOf = (text: string) =>
      text.replace(/^\{token (\d)(?: (\d+))?\}$/, (_, index: string, length?: string) => {
        return `Bearer ${tokens[Number(index)]?.slice(0, Number(length ?? 1000))}`;
      });
    const before = await stored();
    await fc.assert(
      fc.asyncProperty(arbitraryWrite, authorization, async (asked, credentials) => {
        const others = asked.headers.filter(([name]) => name !== 'Authorization');
        const own = credentials === undefined ? [] : [['Authorization', credentialsOf(credentials)] as const];
        const write = { ...asked, headers: [...others, ...own], framing: 'exact' as const };
        const answers = parseResponses(await exchangeBytes(layover.port, bytesOf(write, fill)), [write.method]);
        expect(answers).toHaveLength(1);
        const reads = write.method === 'GET' || write.method === 'HEAD';
        for (const { status, body } of answers) {
          // 308: to the same path with single slashes, where credentials are asked for.
          if (status !== 308) expect(status, body).toBeGreaterThanOrEqual(reads ? 200 : 400);
          expect(status, body).toBeLessThan(500);
        }
        expect(await stored()).toEqual(before);
      }),
      fuzzing,
    );
    expect(layover.output).not.toMatch(/a fault of ours|unhandled|uncaught/i);
    expect((await send('DELETE', fill(`${base}{id0}`), { headers: pusher })).status).toBe(204);
  },
  FUZZ_TIMEOUT_MS,
);
