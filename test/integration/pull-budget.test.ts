import { afterEach, describe, expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { ConfigObject, Layover } from '../support/layover.ts';
import { RateLimit } from '../support/rate-limit.ts';
import { type Pulled, pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const NAME = 'library/app';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const images = new Images();
const [first, second] = [images.addImage(NAME, 'first'), images.addImage(NAME, 'second')];
const many = Array.from({ length: 30 }, (_, i) => images.addImage(NAME, `many-${i}`));
const secret = images.addImage('acme/secret', 'latest');
const hub = sharedHub(images);

afterEach(() => {
  const { tokens, userLimits, rateLimit, abuseLimit } = hub();
  tokens.users.clear();
  tokens.lockedOut.clear();
  tokens.privateRepositories.clear();
  tokens.limitOf = undefined;
  userLimits.clear();
  abuseLimit.perMinute = Infinity;
  Object.assign(rateLimit, { enforced: false, announced: true, limit: 100, remaining: 100, refusal: 'json' });
});

/** The hub enforces a limit by the clock of the cache. */
function enforce(at: Hub, clock: FakeClock, remaining: number, limit = 100): void {
  Object.assign(at.rateLimit, { enforced: true, limit, remaining, now: clock.now });
}

function addUser(at: Hub, clock: FakeClock, name: string, remaining: number): RateLimit {
  at.tokens.users.set(name, 'secret');
  const limit = Object.assign(new RateLimit({ source: `user-${name}`, now: clock.now }), {
    enforced: true,
    limit: 200,
    remaining,
  });
  at.userLimits.set(name, limit);
  return limit;
}

async function start(clock: FakeClock, upstream: ConfigObject = {}): Promise<Layover> {
  return startCache(hub(), { clock, upstream: { tags: { ttl: '0s', rules: [] }, ...upstream } });
}

const manifest = (layover: Layover, reference: string, name = NAME) =>
  pull(`${layover.url}/v2/${name}/manifests/${reference}`);

const seen = ({ status, headers }: Pulled) => [status, headers['x-cache']];

function detailOf({ start: body }: Pulled): Record<string, string> {
  const { errors } = JSON.parse(body.toString()) as { errors: [{ detail: Record<string, string> }] };
  return errors[0].detail;
}

const user = (name: string) => ({ username: name, password: 'secret' });
const gets = () => hub().requests.count('manifest-get');

describe('without pulls left', () => {
  it('cached pulls are served, and new ones are 429 with a true Retry-After', async () => {
    const clock = new FakeClock();
    enforce(hub(), clock, 2, 2);
    await using layover = await start(clock, { budget: { fairshare: '100%' } });
    await manifest(layover, first.digest);
    await clock.advance(HOUR_MS);
    await manifest(layover, second.digest);
    const before = gets();
    expect(seen(await manifest(layover, first.digest))).toEqual([200, 'HIT']);
    const refused = await manifest(layover, 'many-0');
    expect(refused.status).toBe(429);
    expect(detailOf(refused)).toMatchObject({ upstream: 'docker.io', reason: 'budget' });
    const retryAfter = Number(refused.headers['retry-after']);
    expect(retryAfter).toBe((5 * HOUR_MS) / 1_000);
    expect(gets()).toBe(before);
    await expectNotStored(layover, [(many[0] as (typeof many)[0]).digest]);
    await clock.advance(retryAfter * 1_000 + MINUTE_MS);
    expect((await manifest(layover, 'many-0')).status).toBe(200);
  });

  it('clients are sent elsewhere with onexhausted: fallback', async () => {
    const clock = new FakeClock();
    enforce(hub(), clock, 1, 1);
    await using layover = await start(clock, { budget: { onexhausted: 'fallback' } });
    await manifest(layover, first.digest);
    const refused = await manifest(layover, second.digest);
    expect(refused.status).toBe(404);
    expect(detailOf(refused)).toMatchObject({ reason: 'budget' });
  });

  it('the last one is spent once, whatever number of clients race for it', async () => {
    const clock = new FakeClock();
    enforce(hub(), clock, 1);
    await using layover = await start(clock);
    await pull(`${layover.url}/v2/${NAME}/manifests/first`, { method: 'HEAD' });
    const digests = many.map(({ digest }) => digest);
    const raced = await Promise.all(digests.map((digest) => manifest(layover, digest)));
    expect(raced.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(raced.filter(({ status }) => status === 429)).toHaveLength(digests.length - 1);
    expect(
      hub()
        .requests.of('manifest-get')
        .filter(({ status }) => status === 429),
    ).toEqual([]);
  });
});

it('while pulls are scarce, a tag that moved is served as it was, and a new image is pulled', async () => {
  const clock = new FakeClock();
  enforce(hub(), clock, 50);
  await using layover = await start(clock);
  hub().setTag(NAME, 'moving', first.digest);
  await manifest(layover, 'moving');
  hub().setTag(NAME, 'moving', second.digest);
  hub().rateLimit.remaining = 10;
  const served = await manifest(layover, 'moving');
  expect([...seen(served), served.digest]).toEqual([200, 'STALE', first.digest]);
  const head = await pull(`${layover.url}/v2/${NAME}/manifests/moving`, { method: 'HEAD' });
  expect(head.headers['docker-content-digest']).toBe(first.digest);
  await expectNotStored(layover, [second.digest]);
  expect(seen(await manifest(layover, 'many-1'))).toEqual([200, 'MISS']);
  hub().rateLimit.remaining = 90;
  expect((await manifest(layover, 'moving')).digest).toBe(second.digest);
  await expectStored(layover, [first.digest, second.digest]);
});

it('while pulls are scarce, one client takes no more than its share', async () => {
  const clock = new FakeClock();
  enforce(hub(), clock, 8);
  await using layover = await start(clock);
  const statuses: number[] = [];
  for (const { digest } of many.slice(0, 4)) statuses.push((await manifest(layover, digest)).status);
  // The first response states the limit.
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect(hub().rateLimit.remaining).toBe(6);
});

describe('a pool of accounts', () => {
  it('continues with another account when one gets a 429 in the middle of a pull', async () => {
    const clock = new FakeClock();
    addUser(hub(), clock, 'a', 0);
    const b = addUser(hub(), clock, 'b', 100);
    await using layover = await start(clock, { credentials: [user('a'), user('b')], budget: { pool: 'most' } });
    expect((await manifest(layover, first.digest)).status).toBe(200);
    expect(
      hub()
        .requests.of('manifest-get')
        .map(({ status }) => status),
    ).toEqual([429, 200]);
    expect((await manifest(layover, second.digest)).status).toBe(200);
    expect([gets(), b.remaining]).toEqual([3, 98]);
  });

  it('of one user is one bucket', async () => {
    const clock = new FakeClock();
    const a = addUser(hub(), clock, 'a', 2);
    hub().tokens.users.set('b', 'secret');
    hub().userLimits.set('b', a);
    await using layover = await start(clock, { credentials: [user('a'), user('b')], budget: { pool: 'most' } });
    const statuses = [];
    for (const { digest } of many.slice(0, 4)) statuses.push((await manifest(layover, digest)).status);
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(2);
    expect(
      hub()
        .requests.of('manifest-get')
        .filter(({ status }) => status === 429).length,
    ).toBeLessThanOrEqual(1);
  });

  it('goes on when one account is locked out, which is not tried again for ten minutes', async () => {
    const clock = new FakeClock();
    addUser(hub(), clock, 'a', 100);
    addUser(hub(), clock, 'b', 100);
    hub().tokens.lockedOut.add('a');
    await using layover = await start(clock, { credentials: [user('a'), user('b')], budget: { pool: 'most' } });
    expect((await manifest(layover, first.digest)).status).toBe(429);
    for (const { digest } of many.slice(0, 3)) expect((await manifest(layover, digest)).status).toBe(200);
    const asA = () =>
      hub()
        .requests.of('token')
        .filter(({ query }) => query.get('account') === 'a').length;
    expect(asA()).toBe(1);
  });

  it('names an account that is locked out in /readyz, and stays ready', async () => {
    const clock = new FakeClock();
    hub().tokens.users.set('a', 'secret');
    hub().tokens.lockedOut.add('a');
    const http = { debug: { addr: '127.0.0.1:0' } };
    await using layover = await startCache(hub(), { clock, http, upstream: { credentials: [user('a')] } });
    expect((await manifest(layover, first.digest)).status).toBe(429);
    const response = await fetch(`${layover.debugUrl}/readyz`);
    const { checks } = (await response.json()) as { checks: Record<string, unknown> };
    expect(response.status).toBe(200);
    expect(checks['upstream_docker.io']).toMatchObject({ logins: [{ account: 'a', reason: 'locked-out' }] });
  });

  it('shows a private name to the account that is for it, and to no other', async () => {
    const clock = new FakeClock();
    addUser(hub(), clock, 'a', 100);
    addUser(hub(), clock, 'b', 100);
    hub().tokens.privateRepositories.add('acme/secret');
    const credentials = [{ ...user('a'), for: ['acme/**'] }, user('b'), { anonymous: true }];
    await using layover = await start(clock, { credentials, budget: { pool: 'most' } });
    expect((await manifest(layover, secret.digest, 'acme/secret')).status).toBe(200);
    expect((await manifest(layover, first.digest)).status).toBe(200);
    const tokens = hub()
      .requests.of('token')
      .map(({ query }) => [query.get('scope'), query.get('account')]);
    const isSecret = ([scope]: (string | null)[]) => scope?.includes('acme/secret');
    expect(tokens.filter(isSecret).map(([, account]) => account)).toEqual(['a']);
    expect(tokens.filter((each) => !isSecret(each)).map(([, account]) => account)).not.toContain('a');
  });
});

describe('a limit', () => {
  it('in the token counts without headers', async () => {
    const clock = new FakeClock();
    hub().tokens.limitOf = () => ({ limit: 2, windowSeconds: 3_600 });
    hub().rateLimit.announced = false;
    await using layover = await start(clock, { budget: { fairshare: '100%' } });
    const statuses: number[] = [];
    for (const { digest } of many.slice(0, 3)) statuses.push((await manifest(layover, digest)).status);
    expect(statuses).toEqual([200, 200, 429]);
    await clock.advance(HOUR_MS);
    expect((await manifest(layover, first.digest)).status).toBe(200);
  });

  it('of requests of any kind pauses pulls', async () => {
    const clock = new FakeClock();
    await using layover = await start(clock);
    await manifest(layover, first.digest);
    hub().abuseLimit.perMinute = 0;
    expect((await manifest(layover, second.digest)).status).toBe(429);
    const before = hub().requests.all.length;
    expect((await manifest(layover, second.digest)).status).toBe(429);
    expect(hub().requests.all.length).toBe(before);
    hub().abuseLimit.perMinute = Infinity;
    await clock.advance(MINUTE_MS + 1_000);
    expect((await manifest(layover, second.digest)).status).toBe(200);
  });
});

it('a mirror is requested for digests before the budget, and for tags only when it may be', async () => {
  const clock = new FakeClock();
  enforce(hub(), clock, 0);
  const { url } = hub();
  // The same hub in another role: without authentication its own requests are counted apart by their host.
  await using layover = await start(clock, { mirrors: [{ url: url.replace('127.0.0.1', 'localhost') }] });
  const fromMirror = () => hub().requests.all.filter(({ headers }) => headers.host?.startsWith('localhost'));
  await manifest(layover, 'first');
  expect(fromMirror().filter(({ reference }) => reference === 'first')).toEqual([]);
  expect(fromMirror().filter(({ reference }) => reference === first.digest).length).toBeGreaterThan(0);
});
