import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLIENT, Provider } from '../sign-in/provider.ts';
import { sendRequest } from '../support/http-client.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { API, withUsers } from './sign-in-scene.ts';

withUsers();

let provider: Provider;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  [provider, directory] = [await Provider.start(), await temporaryDirectory()];
  await writeFile(join(directory.path, 'secret'), `${CLIENT.secret}\n`);
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** From another site, as a browser follows the links of the provider. */
const NAVIGATION = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

const configOf = (more: ConfigObject = {}) => ({
  auth: {
    anonymous: { repositories: ['open/*'] },
    policy: [
      { groups: ['ops'], actions: ['admin'] },
      { users: ['*'], actions: ['pull'] },
    ],
  },
  ui: {
    auth: {
      oidc: { issuer: provider.url, clientid: CLIENT.id, clientsecretfile: join(directory.path, 'secret'), ...more },
    },
  },
});

async function navigate(url: string, cookie = '') {
  const response = await sendRequest(url, { headers: { ...NAVIGATION, cookie } });
  const cookies = response.headers['set-cookie'] ?? [];
  return { status: response.status, cookies, location: new URL(response.headers.location ?? '', url).href };
}

const valueOf = (cookies: readonly string[], name: string) =>
  cookies.map((cookie) => cookie.split(';')[0] ?? '').find((cookie) => cookie.startsWith(`${name}=`));

/** As a browser: to the provider, and back. */
async function signIn({ url }: Layover) {
  const begun = await navigate(`${url}${API}/session/oidc`);
  const transaction = valueOf(begun.cookies, 'layover-oidc');
  const back = await navigate(begun.location);
  const ended = await navigate(back.location, transaction);
  return { begun, transaction, back, ended, session: valueOf(ended.cookies, 'layover-session') };
}

async function sessionOf({ url }: Layover, cookie = '') {
  const { body } = await sendRequest(`${url}${API}/session`, { headers: { cookie } });
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

describe('sign-in at an OpenID provider', () => {
  it('by the built program', async () => {
    await using layover = await Layover.startProcess({ config: configOf() });
    expect(await sessionOf(layover, undefined)).toMatchObject({ signIn: ['oidc'], isAdmin: false, mayRead: true });
    const { begun, back, ended, session } = await signIn(layover);
    expect([begun.status, begun.location.startsWith(`${provider.url}/authorize?`)]).toEqual([303, true]);
    expect(begun.cookies).toEqual([expect.stringMatching(/^layover-oidc=.*HttpOnly; SameSite=Lax$/)]);
    expect(back.location).toContain(`${layover.url}${API}/session/oidc/callback?`);
    expect([ended.status, ended.location]).toEqual([303, `${layover.url}/ui/`]);
    expect(await sessionOf(layover, session)).toMatchObject({ user: 'dora', isAdmin: true, canSignOut: true });
    expect(valueOf(ended.cookies, 'layover-oidc')).toBe('layover-oidc=');
    await layover.waitForOutput(/signed in/);
  }, 60_000);

  it('has the rights of the claims', async () => {
    await using layover = await Layover.start({ config: configOf({ usernameclaim: 'email', groupsclaim: 'roles' }) });
    provider.claims = { email: 'erin@example.org', groups: ['ops'], roles: 'dev' };
    expect(await sessionOf(layover, (await signIn(layover)).session)).toMatchObject({
      user: 'erin@example.org',
      isAdmin: false,
      mayRead: true,
    });
  });

  it('fails without the cookie of its beginning, with that of another one, and a second time', async () => {
    await using layover = await Layover.start({ config: configOf() });
    provider.claims = { preferred_username: 'dora', groups: ['ops'] };
    const { transaction, back } = await signIn(layover);
    const other = await navigate(`${layover.url}${API}/session/oidc`);
    const fresh = await navigate(other.location);
    for (const [url, cookie] of [
      [fresh.location, undefined],
      [fresh.location, transaction],
      [back.location, transaction],
    ] as const) {
      const { status, cookies } = await navigate(url, cookie);
      expect([status, cookies]).toEqual([401, []]);
    }
  });

  it.each([
    ['another nonce', { nonce: 'other' }],
    ['another client', { aud: 'someone' }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['an expired token', { exp: 1 }],
    ['no name', { preferred_username: '' }],
    ['a list for a name', { preferred_username: ['dora'] as never }],
  ])('fails with %s', async (_what, claims) => {
    await using layover = await Layover.start({ config: configOf() });
    provider.claims = { preferred_username: 'dora', groups: ['ops'], ...claims };
    const { ended } = await signIn(layover);
    expect([ended.status, valueOf(ended.cookies, 'layover-session')]).toEqual([401, undefined]);
    await layover.waitForOutput(/login failed/);
  });

  it('fails with a token that the provider has not signed, and with an address that it has not verified', async () => {
    await using layover = await Layover.start({ config: configOf({ usernameclaim: 'email' }) });
    provider.claims = { email: 'dora@example.org' };
    provider.usesWrongKey = true;
    expect((await signIn(layover)).ended.status).toBe(401);
    provider.usesWrongKey = false;
    provider.claims = { email: 'dora@example.org', email_verified: false };
    expect((await signIn(layover)).ended.status).toBe(401);
    provider.claims = { email: 'dora@example.org', email_verified: true };
    expect((await signIn(layover)).ended.status).toBe(303);
  });

  it('is unavailable while the provider is, and is none without configuration', async () => {
    const config = configOf({ issuer: 'http://127.0.0.1:1' });
    await using layover = await Layover.start({ config });
    expect((await navigate(`${layover.url}${API}/session/oidc`)).status).toBe(503);
    await layover.restart({});
    expect((await navigate(`${layover.url}${API}/session/oidc`)).status).toBe(404);
  });
});
