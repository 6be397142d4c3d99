import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';

import { StoppableServer } from '../support/stoppable-server.ts';
import { openAuth, TOKEN } from './auth-under-test.ts';

const MINUTE = 60_000;

const pairs = new Map(
  ['first', 'second'].map((kid) => [kid, generateKeyPairSync('ec', { namedCurve: 'P-256' })] as const),
);

async function tokenBy(kid: string, now: number, key: KeyObject | undefined = pairs.get(kid)?.privateKey) {
  const token = new SignJWT({ access: [] }).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(TOKEN.issuer);
  return token
    .setSubject('alice')
    .setAudience(TOKEN.service)
    .setExpirationTime(now / 1000 + 3600)
    .sign(key as KeyObject);
}

/** A token server that publishes its keys. */
async function startKeyServer() {
  const state = { published: ['first'], asked: 0, body: undefined as string | undefined, status: 200 };
  const server = await StoppableServer.start((_req, res) => {
    state.asked++;
    const keys = state.published.map((kid) => ({ ...pairs.get(kid)?.publicKey.export({ format: 'jwk' }), kid }));
    res.writeHead(state.status, { 'content-type': 'application/json' }).end(state.body ?? JSON.stringify({ keys }));
  });
  return { state, server, [Symbol.asyncDispose]: () => server.stop() };
}

async function openOn(url: string) {
  const clock = { now: Date.now() };
  const { identify, reported } = await openAuth({ token: { ...TOKEN, jwksUrl: `${url}/jwks` } }, () => clock.now);
  const isTaken = async (kid: string) => !(await identify(`Bearer ${await tokenBy(kid, clock.now)}`)).isRefused;
  return { clock, identify, isTaken, reported };
}

describe('the keys of a token server', () => {
  it('are fetched once for many tokens', async () => {
    await using keyServer = await startKeyServer();
    const { state, server } = keyServer;
    const { isTaken } = await openOn(server.url);
    expect(await Promise.all(Array.from({ length: 20 }, () => isTaken('first')))).toEqual(Array(20).fill(true));
    expect(state.asked).toBe(1);
  });

  it('are fetched again for an unknown key, but not each time', async () => {
    await using keyServer = await startKeyServer();
    const { state, server } = keyServer;
    const { clock, isTaken } = await openOn(server.url);
    expect(await isTaken('first')).toBe(true);
    state.published = ['second'];
    expect(await isTaken('second')).toBe(false); // asked a moment ago
    expect(state.asked).toBe(1);
    clock.now += MINUTE;
    expect(await Promise.all(Array.from({ length: 20 }, () => isTaken('second')))).toEqual(Array(20).fill(true));
    expect(await isTaken('first')).toBe(false); // withdrawn
    expect(state.asked).toBe(2);
  });

  it('are fetched again after a while, while requests continue', async () => {
    await using keyServer = await startKeyServer();
    const { state, server } = keyServer;
    const { clock, isTaken } = await openOn(server.url);
    expect(await isTaken('first')).toBe(true);
    state.published = ['second'];
    clock.now += 11 * MINUTE;
    expect(await isTaken('first')).toBe(true); // with cached keys
    await vi.waitFor(() => expect(state.asked).toBe(2), 20_000);
    await vi.waitFor(async () => expect(await isTaken('first')).toBe(false), 20_000);
  });

  it('stay in use while it is down, and are fetched afterwards', async () => {
    await using keyServer = await startKeyServer();
    const { state, server } = keyServer;
    const { clock, isTaken, reported } = await openOn(server.url);
    expect(await isTaken('first')).toBe(true);
    await server.stop();
    clock.now += 11 * MINUTE;
    expect([await isTaken('first'), await isTaken('second')]).toEqual([true, false]);
    expect(reported.filter((line) => line.startsWith('keysNotFetched')).join()).toMatch(/ECONNREFUSED|UND_ERR_SOCKET/);
    await server.resume();
    state.published = ['first', 'second'];
    clock.now += MINUTE;
    expect(await isTaken('second')).toBe(true);
  });

  it('that were never fetched make tokens unavailable, not invalid', async () => {
    await using keyServer = await startKeyServer();
    const { server } = keyServer;
    await server.stop();
    const { clock, identify } = await openOn(server.url);
    const asking = identify(`Bearer ${await tokenBy('first', clock.now)}`);
    await expect(asking).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it.each([
    ['an error', { status: 500 }, 'status 500'],
    ['no JSON', { body: '<html>' }, 'not JSON'],
    ['no set', { body: '{"keys": 1}' }, 'not a JSON web key set'],
    ['no keys', { body: '{"keys": []}' }, 'no key for signatures'],
    ['too much', { body: ' '.repeat(2 * 1024 * 1024) }, 'larger than'],
  ])('are kept when it responds with %s', async (_what, broken, reason) => {
    await using keyServer = await startKeyServer();
    const { state, server } = keyServer;
    const { clock, isTaken, reported } = await openOn(server.url);
    expect(await isTaken('first')).toBe(true);
    Object.assign(state, broken);
    clock.now += MINUTE;
    expect([await isTaken('second'), await isTaken('first')]).toEqual([false, true]);
    expect(reported.filter((line) => line.startsWith('keysNotFetched')).join()).toContain(reason);
  });
});
