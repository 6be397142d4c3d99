import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { cacheCommand, layoverCommand } from '../retention/command.ts';
import { pullImage, startExpiringCache, storedOf } from '../retention/expiring-cache.ts';
import { ask, finish } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';

const images = new Images();
const lts = images.addImage('library/app', 'lts', { layers: [4096] });
const old = images.addImage('library/app', 'old', { layers: [8192] });
const hub = sharedHub(images);

const everythingOf = (image: typeof lts) => [image.digest, image.config, ...image.layers];

async function startFilled(options: Parameters<typeof startExpiringCache>[1] = {}): Promise<Layover> {
  const layover = await startExpiringCache(hub(), options);
  for (const [tag, image] of Object.entries({ lts, old })) {
    await pullImage(layover, 'library/app', { tag, layers: [image.config, ...image.layers] });
  }
  await expectStored(layover, [...everythingOf(lts), ...everythingOf(old)]);
  return layover;
}

const json = async (layover: Layover, ...args: string[]) => {
  const { stdout, stderr, code } = await cacheCommand(layover, 'cache', ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
};

it('counts of commands are numbers, and the configuration is an argument or an option', async () => {
  await using layover = await startExpiringCache(hub());
  expect(await layoverCommand('cache', 'list', '--limit', 'abc')).toMatchObject({
    stderr: expect.stringContaining('--limit'),
  });
  for (const place of [[layover.configFile], ['--config', layover.configFile], ['-c', layover.configFile]])
    expect(await layoverCommand('cache', 'stats', ...place)).toMatchObject({ code: 0, stderr: '' });
});

describe.each(['a running', 'a stopped'] as const)('layover cache with %s server', (state) => {
  it('lists, shows and counts stored content', async () => {
    await using layover = await startFilled();
    if (state === 'a stopped') await layover.kill('SIGTERM');

    const listed = await cacheCommand(layover, 'cache', 'list');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(/^NAME +DIGEST +SIZE +USED +EXPIRES/);
    expect(listed.stdout).toMatch(/^docker\.io\/library\/app:lts +sha256:[0-9a-f]{12} +[\d.]+ KiB +\d+s ago +7d$/m);

    const { entries } = await json(layover, 'list', '--filter', '*/library/**:old');
    expect(entries).toMatchObject([{ repository: 'docker.io/library/app', tags: ['old'], digest: old.digest }]);

    const shown = await json(layover, 'show', 'docker.io/library/app:lts');
    expect(shown.parts).toHaveLength(1 + lts.layers.length);
    expect(shown).toMatchObject({ digest: lts.digest, kind: 'manifest', pinned: false });

    const stats = await json(layover, 'stats');
    const sizes = (await layover.visibleBlobs()).map(({ size }) => size);
    expect(stats).toMatchObject({
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      digests: sizes.length,
      repositories: 1,
      ttlMs: 604_800_000,
      complete: true,
    });
  });

  it('evicts a whole image, except shared and pinned content', async () => {
    await using layover = await startFilled();
    if (state === 'a stopped') await layover.kill('SIGTERM');
    const pinned = await cacheCommand(layover, 'cache', 'pin', 'docker.io/library/*:lts');
    expect(pinned.stdout).toMatch(/^docker\.io\/library\/\*:lts +command$/m);

    const held = await cacheCommand(layover, 'cache', 'evict', 'docker.io/library/app:lts');
    expect(held).toMatchObject({ code: 1, stdout: '' });
    expect(held.stderr).toMatch('pinned');

    expect(await json(layover, 'evict', 'docker.io/library/app:old')).toMatchObject({
      references: everythingOf(old).length,
    });
    expect(await storedOf(layover, everythingOf(old))).toEqual([]);
    expect(await storedOf(layover, everythingOf(lts))).toEqual(everythingOf(lts));
    await expectNothingBroken(layover);

    expect(await cacheCommand(layover, 'cache', 'unpin', 'docker.io/library/*:lts')).toMatchObject({ code: 0 });
    await json(layover, 'evict', 'docker.io/library/app:lts');
    expect(await layover.visibleBlobs()).toEqual([]);
    const missing = await cacheCommand(layover, 'cache', 'show', 'docker.io/library/app:lts');
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toMatch('not stored');
  });
});

describe('layover cache refresh', () => {
  it('revalidates a tag through the running server', async () => {
    await using layover = await startFilled();
    hub().setTag('library/app', 'old', lts.digest);
    try {
      const fetched = { manifests: 0, blobs: 0, bytes: 0 };
      expect(await json(layover, 'refresh', 'docker.io/library/app:old')).toEqual({
        digest: lts.digest,
        changed: true,
        fetched,
      });
      expect(await json(layover, 'refresh', 'docker.io/library/app:old')).toEqual({
        digest: lts.digest,
        changed: false,
        fetched,
      });
    } finally {
      hub().setTag('library/app', 'old', old.digest);
    }
    await layover.kill('SIGTERM');
    const stopped = await cacheCommand(layover, 'cache', 'refresh', 'docker.io/library/app:old');
    expect(stopped).toMatchObject({ code: 1, stderr: 'layover: only a running server can call upstreams\n' });
  });
});

describe('layover cache refresh of a tag that moved', () => {
  const first = images.addIndex('library/multi', 'first', { layers: [4096] });
  const second = images.addIndex('library/multi', 'second', { layers: [8192] });

  it('fetches the image for the platforms that are stored, with its layers', async () => {
    await using layover = await startExpiringCache(hub());
    const { amd64, arm64 } = second.images;
    hub().setTag('library/multi', 'moving', first.digest);
    await pullImage(layover, 'library/multi', { tag: 'moving', layers: [] });
    await pullImage(layover, 'library/multi', { tag: first.images.amd64.digest, layers: first.images.amd64.layers });
    hub().setTag('library/multi', 'moving', second.digest);
    expect(await json(layover, 'refresh', 'docker.io/library/multi:moving')).toMatchObject({
      digest: second.digest,
      changed: true,
      fetched: { blobs: 3 },
    });
    await expectStored(layover, [second.digest, ...everythingOf(amd64)]);
    expect(await storedOf(layover, everythingOf(arm64))).toEqual([]);
    expect(await cacheCommand(layover, 'cache', 'refresh', 'docker.io/library/multi:moving')).toMatchObject({
      stdout: `docker.io/library/multi:moving still points to ${second.digest}\n`,
    });
  });

  it('fetches every platform of an image that was not stored', async () => {
    await using layover = await startExpiringCache(hub());
    const { stdout } = await cacheCommand(layover, 'cache', 'refresh', 'docker.io/library/multi:second');
    expect(stdout).toMatch(/now points to sha256:[0-9a-f]{64}\nfetched 6 blobs, [\d.]+ KiB\n$/);
    const { amd64, arm64 } = second.images;
    await expectStored(layover, [second.digest, ...everythingOf(amd64), ...everythingOf(arm64)]);
  });

  it('fails when a layer cannot be fetched', async () => {
    await using layover = await startExpiringCache(hub());
    const allow = hub().faults.add({ reference: second.images.arm64.layers[0] ?? '' }, { answer: { status: 404 } });
    const failed = await cacheCommand(layover, 'cache', 'refresh', 'docker.io/library/multi:second');
    allow();
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    await expectNothingBroken(layover);
  });
});

describe('the admin API', () => {
  it('is on a socket for the owner; without auth, others on the machine can only read', async () => {
    await using layover = await startFilled();
    const { mode } = await stat(join(layover.dataDirectory, 'layover/admin.sock'));
    expect(mode & 0o777).toBe(0o600);
    expect(await finish(await ask(`${layover.url}/admin/api/v1/stats`))).toMatchObject({ status: 200 });
    const headers = { 'content-type': 'application/json' };
    const evict = await fetch(`${layover.url}/admin/api/v1/evict`, { method: 'POST', headers, body: '{"name":"**"}' });
    expect(evict.status).toBe(401);
    expect(await storedOf(layover, everythingOf(old))).toEqual(everythingOf(old));
  });

  it('is on a separate address with a token when configured', async () => {
    const port = await freePort();
    const token = { path: '', text: 'correct-horse' };
    await using layover = await startExpiringCache(hub(), {
      more: { admin: { addr: `127.0.0.1:${port}`, token: token.text }, ui: { enabled: false } },
    });
    const server = ['--server', `http://127.0.0.1:${port}`];
    const refused = await layoverCommand('cache', 'stats', ...server, '--token', 'wrong');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch('admin.token');
    token.path = join(layover.dataDirectory, '../token');
    await writeFile(token.path, `${token.text}\n`);
    const allowed = await layoverCommand('cache', 'stats', ...server, '--token-file', token.path, '--json');
    expect(JSON.parse(allowed.stdout)).toMatchObject({ bytes: 0 });
    expect(await finish(await ask(`${layover.url}/admin/api/v1/stats`))).toMatchObject({ status: 404 });
    expect(layover.output).not.toMatch(token.text);
  });

  it('is on the address of the registry with only a token, and rejects web pages', async () => {
    await using layover = await startExpiringCache(hub(), {
      more: { admin: { token: 'correct-horse' }, ui: { enabled: false } },
    });
    const url = `${layover.url}/admin/api/v1`;
    expect(await finish(await ask(`${url}/stats`))).toMatchObject({ status: 401 });
    const headers = { authorization: 'Bearer correct-horse' };
    expect(await finish(await ask(`${url}/stats`, { headers }))).toMatchObject({ status: 200 });
    const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
    const posted = await fetch(`${url}/evict`, { method: 'POST', headers: form, body: 'name=a' });
    expect(posted.status).toBe(400);
  });

  it('is required while a server runs: a command does not open the storage of an unreachable server', async () => {
    await using layover = await startFilled();
    await rm(join(layover.dataDirectory, 'layover/admin.sock'));
    const refused = await cacheCommand(layover, 'cache', 'evict', 'docker.io/library/app:old');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch('a server is using the storage and cannot be reached');
    expect(await storedOf(layover, everythingOf(old))).toEqual(everythingOf(old));
  });
});
