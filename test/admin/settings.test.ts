import { describe, expect, it } from 'vitest';

import type { ConfigView } from '../../src/operations/service-control.ts';
import type { StorageAges } from '../../src/operations/storage-control.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { pullImage } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall, adminGet } from './admin-client.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [4096] });
const hub = sharedHub(images);

describe('GET /config', () => {
  it('shows the configuration in effect without secrets, and where keys come from', async () => {
    const config = { ...cacheConfig(hub(), {}), admin: { token: 'the-secret-token' } };
    await using layover = await Layover.start({ config, env: { REGISTRY_STORAGE_QUOTA_SIZE: '10GiB' } });
    const view = await adminGet<ConfigView>(layover, '/config');
    expect(JSON.stringify(view)).not.toContain('the-secret-token');
    expect(view.config).toMatchObject({ storage: { quota: { size: 10 * 1024 ** 3 } }, admin: { token: '***' } });
    expect(view.keys).toContainEqual({
      key: 'storage.quota.size',
      origin: 'environment',
      where: 'REGISTRY_STORAGE_QUOTA_SIZE',
    });
    expect(view.keys.find(({ key }) => key === 'admin.token')).toMatchObject({ origin: 'file' });
    expect(view).toMatchObject({ pendingRestart: [], warnings: [] });
  });
});

describe('GET /storage/ages', () => {
  it('sums what is stored by upstream and by age', async () => {
    await using layover = await Layover.start({ config: cacheConfig(hub(), {}) });
    await pullImage(layover, 'library/app', { tag: '1', layers: [app.config, ...app.layers] });
    await layover.settled();
    const bytes = (await layover.visibleBlobs()).reduce((sum, { size }) => sum + size, 0);
    const ages = await adminGet<StorageAges>(layover, '/storage/ages');
    expect(ages.upstreams).toEqual([
      { upstream: 'docker.io', hosted: false, bytes, references: 4, bytesByAge: [bytes, 0, 0, 0, 0, 0, 0] },
    ]);
    expect(ages.days).toHaveLength(6);
  });
});

describe('GET /collection', () => {
  it('has the lists of a result in pages', async () => {
    await using layover = await Layover.start({ config: cacheConfig(hub(), {}) });
    await adminCall(layover, '/collection', { method: 'POST', body: { dryRun: true } });
    await expect.poll(async () => (await adminGet<{ running: boolean }>(layover, '/collection')).running).toBe(false);
    expect(await adminGet(layover, '/collection')).toMatchObject({
      counts: { manifests: 0, links: 0, blobs: 0, skipped: 0 },
      result: { manifests: [], bytes: 0 },
    });
    expect(await adminGet(layover, '/collection/results?kind=blobs')).toEqual({ collected: [], total: 0 });
    expect(await adminCall(layover, '/collection/results?kind=x')).toMatchObject({ status: 400 });
  });
});
