import { describe, expect, it } from 'vitest';

import type { ManifestView, ReferrerList } from '../../src/operations/manifest-control.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { pullImage } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall, adminGet } from './admin-client.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [4096] });
const copy = images.addImage('team/copy', '1', { seed: 'library/app:1', layers: [4096] });
const multi = images.addIndex('library/multi', 'latest');
const sbom = images.addArtifact('library/app', app, 'application/spdx+json', 'an SBOM');
const hub = sharedHub(images);

const start = () => Layover.start({ config: cacheConfig(hub(), { upstream: { tags: { ttl: '1h' } } }) });
const pullApp = (layover: Layover) =>
  pullImage(layover, 'library/app', { tag: '1', layers: [app.config, ...app.layers] });
const show = (layover: Layover, query: string) => adminGet<ManifestView>(layover, `/manifest?${query}`);
const APP = 'repository=docker.io/library/app';

describe('GET /manifest', () => {
  it('shows a stored image with config, parts and bytes, without the upstream', async () => {
    await using layover = await start();
    await pullApp(layover);
    await pullImage(layover, 'team/copy', { tag: '1', layers: copy.layers });
    await layover.settled();
    const before = hub().requests.all.length;
    const view = await show(layover, `${APP}&reference=1`);
    expect(hub().requests.all).toHaveLength(before);
    expect(view).toMatchObject({
      repository: 'docker.io/library/app',
      digest: app.digest,
      tag: '1',
      mediaType: app.mediaType,
      structure: 'image',
      platforms: [],
      raw: app.bytes.toString(),
      rawSize: app.bytes.length,
      truncated: false,
      config: { os: 'linux', cmd: ['/hello'], env: [], labels: {}, history: [] },
    });
    expect(view.parts).toMatchObject([
      { kind: 'config', digest: app.config, cached: true },
      ...app.layers.map((digest) => ({ kind: 'layer', digest, cached: true })),
    ]);
    expect(view.parts[1]?.sharedWith).toEqual(['docker.io/team/copy']);
    expect(await show(layover, `${APP}&reference=${app.digest}`)).toMatchObject({ digest: app.digest });
  });

  it('shows which platforms of an index are stored', async () => {
    await using layover = await start();
    const { amd64, arm64 } = multi.images;
    await pullImage(layover, 'library/multi', { tag: 'latest', layers: [] });
    await pullImage(layover, 'library/multi', { tag: amd64.digest, layers: [] });
    await layover.settled();
    const view = await show(layover, 'repository=docker.io/library/multi&reference=latest');
    expect(view).toMatchObject({ structure: 'index', parts: [] });
    expect(view.platforms).toMatchObject([
      { platform: 'linux/amd64', digest: amd64.digest, cached: true, storedSize: amd64.bytes.length },
      { platform: 'linux/arm64', digest: arm64.digest, cached: false, storedSize: 0 },
    ]);
  });

  it('fetches what is not stored only when it is requested to', async () => {
    await using layover = await start();
    const before = hub().requests.all.length;
    expect(await adminCall(layover, `/manifest?${APP}&reference=1`)).toMatchObject({ status: 404 });
    expect(hub().requests.all).toHaveLength(before);
    const view = await show(layover, `${APP}&reference=1&fetch=1`);
    expect(view).toMatchObject({ digest: app.digest, config: { cmd: ['/hello'] } });
    expect(view.parts.map(({ cached }) => cached)).toEqual([true, false, false]);
    expect(await adminCall(layover, `/manifest?${APP}&reference=none&fetch=1`)).toMatchObject({ status: 404 });
  });

  it.each(['', '&reference=', '&reference=a/b', '&reference=sha256:1', '&reference=1&fetch=maybe'])(
    'is 400 for %s',
    async (query) => {
      await using layover = await start();
      expect(await adminCall(layover, `/manifest?${APP}${query}`)).toMatchObject({ status: 400 });
      expect(await adminCall(layover, '/manifest?repository=../x&reference=1')).toMatchObject({ status: 400 });
    },
  );
});

describe('GET /referrers', () => {
  it('shows those of storage, or of the upstream, and states which', async () => {
    await using layover = await start();
    await pullApp(layover);
    await layover.settled();
    const path = `/referrers?${APP}&digest=${app.digest}`;
    expect(await adminGet<ReferrerList>(layover, path)).toEqual({ source: 'cache', referrers: [], truncated: false });
    expect(await adminGet<ReferrerList>(layover, `${path}&fetch=1`)).toMatchObject({
      source: 'upstream',
      referrers: [{ digest: sbom.digest, kind: 'sbom', artifactType: 'application/spdx+json', cached: false }],
    });
    await pullImage(layover, 'library/app', { tag: sbom.digest, layers: [] });
    expect(await adminGet<ReferrerList>(layover, path)).toMatchObject({
      source: 'cache',
      referrers: [{ digest: sbom.digest, kind: 'sbom', cached: true }],
    });
    expect(await adminCall(layover, `/referrers?${APP}&digest=1`)).toMatchObject({ status: 400 });
  });
});
