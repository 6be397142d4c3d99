import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { FakeClock } from '../support/fake-clock.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import type { RequestKind } from '../support/request-log.ts';
import { ask, errorOf, json } from '../http/v2/ask.ts';
import { CLIENTS, startPrivateCache, startPrivateHub } from './private-scene.ts';

const images = new Images();
const secret = images.addImage('acme/app', '1', { seed: 'secret' });
const open = images.addImage('library/app', '1', { seed: 'open' });
const MINUTE_MS = 60_000;

let hub: Hub;
beforeAll(async () => {
  hub = await startPrivateHub(images);
});
beforeEach(() => {
  hub.faults.clear();
  hub.requests.reset();
  hub.tokens.readers.set('acme/app', new Set(['acmebot']));
});
afterAll(() => hub[Symbol.asyncDispose]());

type Client = keyof typeof CLIENTS;

const get = (layover: Layover, path: string, client: Client, method = 'GET') =>
  ask(`${layover.url}/v2/${path}`, { method, headers: { ...CLIENTS[client] } });

/** Whose tokens came with the requests. */
const usersOf = (kind: RequestKind) =>
  hub.requests.of(kind).map(({ headers }) => hub.tokens.userOf(headers.authorization));

describe('a private repository', () => {
  it.each([
    ['manifest', 'manifests/1'],
    ['manifest by digest', `manifests/${secret.digest}`],
    ['layer', `blobs/${secret.layers[0]}`],
    ['list of tags', 'tags/list'],
    ['referrers', `referrers/${secret.digest}`],
  ])('shows its %s to clients of the group whose account may read it, in any order', async (_, path) => {
    await using layover = await startPrivateCache(hub);
    const target = `docker.io/acme/app/${path}`;
    for (const round of ['cold', 'warm']) {
      const stranger = await get(layover, target, 'bob');
      expect([round, ...errorOf(stranger)]).toEqual([round, 404, 'NAME_UNKNOWN']);
      expect(stranger.headers['x-cache']).toBeUndefined();
      expect(stranger.headers['cache-control']).toBe('private, no-store');
      expect(errorOf(await get(layover, target, 'carol'))).toEqual([404, 'NAME_UNKNOWN']);
      const unknown = await get(layover, target, 'nobody');
      expect(errorOf(unknown)).toEqual([401, 'UNAUTHORIZED']);
      expect(unknown.headers['www-authenticate']).toMatch(/^Basic realm="cache"/);
      expect(unknown.headers['x-cache']).toBeUndefined();
      const member = await get(layover, target, 'alice');
      expect(member.status).toBe(200);
      expect(member.headers['cache-control']).toBe('private, no-store');
      await layover.settled();
    }
  });

  it('refuses HEAD and ranges like the content itself, and hides that it is stored', async () => {
    await using layover = await startPrivateCache(hub);
    const blob = `docker.io/acme/app/blobs/${secret.layers[0]}`;
    expect((await get(layover, blob, 'alice')).status).toBe(200);
    await layover.settled();
    expect((await get(layover, blob, 'bob', 'HEAD')).status).toBe(404);
    expect((await get(layover, 'docker.io/acme/app/manifests/1', 'bob', 'HEAD')).status).toBe(404);
    const headers = { ...CLIENTS.bob, range: 'bytes=0-9' };
    expect((await ask(`${layover.url}/v2/${blob}`, { headers })).status).toBe(404);
    const never = await get(layover, `docker.io/acme/none/blobs/${secret.layers[0]}`, 'bob');
    expect(errorOf(never)).toEqual(errorOf(await get(layover, blob, 'bob')));
  });

  it('is fetched with the account of the group', async () => {
    await using layover = await startPrivateCache(hub);
    expect((await get(layover, 'docker.io/acme/app/manifests/1', 'alice')).status).toBe(200);
    expect(usersOf('manifest-get')).toEqual(['acmebot']);
  });

  it('is checked once for a hundred clients', async () => {
    await using layover = await startPrivateCache(hub);
    const path = 'docker.io/acme/app/manifests/1';
    const responses = await Promise.all(Array.from({ length: 100 }, () => get(layover, path, 'alice')));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    // The second one resolves the tag.
    expect(usersOf('manifest-head')).toEqual(['acmebot', 'acmebot']);
    // Requests before a token is there, and the one with a token of nobody.
    expect(hub.requests.count('unauthorized')).toBeLessThanOrEqual(4);
    hub.requests.reset();
    await get(layover, `docker.io/acme/app/blobs/${secret.layers[0]}`, 'alice');
    expect(hub.requests.count('manifest-head') + hub.requests.count('tags')).toBe(0);
  });

  it('is refused after the ttl when the account has lost it, and not before', async () => {
    const clock = new FakeClock();
    await using layover = await startPrivateCache(hub, { clock, private: { ttl: '5m' } });
    const path = `docker.io/acme/app/manifests/${secret.digest}`;
    expect((await get(layover, path, 'alice')).status).toBe(200);
    hub.tokens.readers.set('acme/app', new Set());
    await clock.advance(4 * MINUTE_MS);
    expect((await get(layover, path, 'alice')).status).toBe(200);
    await clock.advance(MINUTE_MS + 1);
    expect(errorOf(await get(layover, path, 'alice'))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it('is there 30 seconds after the account has got it', async () => {
    const clock = new FakeClock();
    await using layover = await startPrivateCache(hub, { clock });
    const path = 'docker.io/acme/app/manifests/1';
    expect((await get(layover, path, 'bob')).status).toBe(404);
    hub.tokens.readers.set('acme/app', new Set(['acmebot', 'betabot']));
    await clock.advance(29_000);
    expect((await get(layover, path, 'bob')).status).toBe(404);
    await clock.advance(1_001);
    expect((await get(layover, path, 'bob')).status).toBe(200);
  });
});

describe('a public repository', () => {
  it('is for every client, with one query without credentials', async () => {
    await using layover = await startPrivateCache(hub);
    for (const client of Object.keys(CLIENTS) as Client[]) {
      const manifest = await get(layover, 'docker.io/library/app/manifests/1', client);
      expect([client, manifest.status, manifest.headers['cache-control']]).toEqual([client, 200, undefined]);
    }
    expect(usersOf('manifest-head')).toEqual([undefined, undefined]);
    expect(usersOf('manifest-get')).toEqual([undefined]);
  });

  it('has a 404 of its own for a tag that it does not have', async () => {
    await using layover = await startPrivateCache(hub);
    expect(errorOf(await get(layover, 'docker.io/library/app/manifests/none', 'nobody'))).toEqual([
      404,
      'MANIFEST_UNKNOWN',
    ]);
    expect(hub.requests.count('tags')).toBe(1);
  });

  it('does not give a private blob to clients that know its digest', async () => {
    await using layover = await startPrivateCache(hub);
    expect((await get(layover, `docker.io/acme/app/blobs/${secret.layers[0]}`, 'alice')).status).toBe(200);
    await layover.settled();
    for (const client of ['bob', 'alice', 'nobody'] as const) {
      const response = await get(layover, `docker.io/library/app/blobs/${secret.layers[0]}`, client);
      expect([client, ...errorOf(response)]).toEqual([client, 404, 'BLOB_UNKNOWN']);
    }
    expect((await get(layover, `docker.io/library/app/blobs/${open.layers[0]}`, 'nobody')).status).toBe(200);
  });
});

describe('the catalog', () => {
  it('lists a private repository to clients with a live decision', async () => {
    await using layover = await startPrivateCache(hub);
    for (const repository of ['acme/app', 'library/app'])
      expect((await get(layover, `docker.io/${repository}/manifests/1`, 'alice')).status).toBe(200);
    const listed = async (client: Client) => json(await get(layover, '_catalog', client));
    expect(await listed('alice')).toEqual({ repositories: ['docker.io/acme/app', 'docker.io/library/app'] });
    expect(await listed('bob')).toEqual({ repositories: ['docker.io/library/app'] });
  });
});
