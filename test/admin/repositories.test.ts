import { describe, expect, it } from 'vitest';

import type { RepositoryPage, TagPage } from '../../src/operations/repository-control.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { pull } from '../integration/pulling.ts';
import { pullImage } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall, adminGet } from './admin-client.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [4096] });
const other = images.addImage('team/other', 'v1', { layers: [65_536] });
const multi = images.addIndex('library/multi', 'latest', { layers: [4096] });
const signature = images.addArtifact('library/app', app, 'application/vnd.dev.cosign.artifact.sig.v1+json', 'signed');
const hub = sharedHub(images);

async function startFilled(): Promise<Layover> {
  const layover = await Layover.start({ config: cacheConfig(hub(), { upstream: { tags: { ttl: '1h' } } }) });
  await pullImage(layover, 'library/app', { tag: '1', layers: [app.config, ...app.layers] });
  await pullImage(layover, 'team/other', { tag: 'v1', layers: [other.config, ...other.layers] });
  await pullImage(layover, 'library/multi', { tag: 'latest', layers: [] });
  const { amd64 } = multi.images;
  await pullImage(layover, 'library/multi', { tag: amd64.digest, layers: [amd64.config, ...amd64.layers] });
  await layover.settled();
  return layover;
}

const list = (layover: Layover, query = '') => adminGet<RepositoryPage>(layover, `/repositories?${query}`);
const namesOf = ({ repositories }: RepositoryPage) => repositories.map(({ name }) => name);

describe('GET /repositories', () => {
  it('lists repositories with their sums, whose they are, and totals', async () => {
    await using layover = await startFilled();
    const { repositories, totals, cursor } = await list(layover);
    expect(cursor).toBeUndefined();
    expect(totals?.repositories).toBe(3);
    const sizes = (await layover.visibleBlobs()).map(({ size }) => size);
    expect(totals?.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(repositories).toMatchObject([
      { name: 'docker.io/library/app', upstream: 'docker.io', hosted: false, tags: 1, manifests: 1, pinned: false },
      { name: 'docker.io/library/multi', tags: 1, manifests: 2, filling: false },
      { name: 'docker.io/team/other', tags: 1, manifests: 1 },
    ]);
    const now = Date.now();
    for (const { lastUsedAt } of repositories) expect(now - Date.parse(lastUsedAt)).toBeLessThan(600_000);
  });

  it('finds by a part of the name, a glob and an upstream', async () => {
    await using layover = await startFilled();
    expect(namesOf(await list(layover, 'query=oth'))).toEqual(['docker.io/team/other']);
    expect(namesOf(await list(layover, `query=${encodeURIComponent('*/library/*')}`))).toHaveLength(2);
    expect(namesOf(await list(layover, 'upstream=docker.io&query=app'))).toEqual(['docker.io/library/app']);
    expect((await list(layover, 'query=oth')).totals).toBeUndefined();
    expect(await adminCall(layover, '/repositories?upstream=ghcr.io')).toMatchObject({ status: 404 });
    expect(await adminCall(layover, '/repositories?sort=age')).toMatchObject({ status: 400 });
    expect(await adminCall(layover, '/repositories?cursor=x')).toMatchObject({ status: 400 });
  });

  it.each(['name', 'used', 'size'])('by %s has each repository once, page by page', async (sort) => {
    await using layover = await startFilled();
    const whole = namesOf(await list(layover, `sort=${sort}`));
    const paged: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page: RepositoryPage = await list(layover, `sort=${sort}&limit=1&cursor=${cursor}`);
      paged.push(...namesOf(page));
      ({ cursor } = page);
    }
    expect(paged).toEqual(whole);
    expect(whole).toHaveLength(3);
    if (sort === 'size') expect(whole[0]).toBe('docker.io/team/other');
  });
});

describe('GET /repositories/<name>/tags', () => {
  it('has a row for a tag, with its platforms, size, referrers and times', async () => {
    await using layover = await startFilled();
    const { repository, tags } = await adminGet<TagPage>(layover, '/repositories/docker.io/library/multi/tags');
    expect(repository).toMatchObject({ name: 'docker.io/library/multi', manifests: 2 });
    expect(repository.ownBytes).toBe(repository.bytes);
    expect(tags).toMatchObject([
      { tag: 'latest', digest: multi.digest, mediaType: multi.mediaType, referrers: 0, pinned: false },
    ]);
    const [row] = tags;
    expect(row?.size).toBe(repository.bytes);
    expect(row?.platforms).toMatchObject([
      { platform: 'linux/amd64', digest: multi.images.amd64.digest, cached: true },
      { platform: 'linux/arm64', digest: multi.images.arm64.digest, size: 0, cached: false },
    ]);
    const checked = Date.parse(row?.checkedAt ?? '');
    expect(Date.parse(row?.nextCheckAt ?? '') - checked).toBe(3_600_000);
    expect(Date.parse(row?.expiresAt ?? '')).toBeGreaterThan(Date.parse(row?.lastUsedAt ?? ''));
  });

  it('folds referrers, and shows manifests without tag with all', async () => {
    await using layover = await startFilled();
    expect(await pull(`${layover.url}/v2/library/app/manifests/${signature.digest}`)).toMatchObject({ status: 200 });
    const path = '/repositories/docker.io%2Flibrary%2Fapp/tags';
    const { tags } = await adminGet<TagPage>(layover, path);
    expect(tags).toMatchObject([{ tag: '1', referrers: 1, mediaType: app.mediaType }]);
    const all: TagPage['tags'][number][] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page: TagPage = await adminGet(layover, `${path}?all=1&limit=1&cursor=${cursor}`);
      all.push(...page.tags);
      ({ cursor } = page);
    }
    expect(all.map(({ digest }) => digest)).toEqual([app.digest, signature.digest]);
    expect(all[1]).toMatchObject({ artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json' });
    expect(all[1]?.tag).toBeUndefined();
  });

  it('is 404 for what is not stored, and 400 for what is no name', async () => {
    await using layover = await startFilled();
    expect(await adminCall(layover, '/repositories/docker.io/library/none/tags')).toMatchObject({ status: 404 });
    expect(await adminCall(layover, '/repositories/..%2F..%2Fetc/tags')).toMatchObject({ status: 400 });
    expect(await adminCall(layover, '/repositories/docker.io/library/app/tags?all=yes')).toMatchObject({ status: 400 });
  });
});
