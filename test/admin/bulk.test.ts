import { describe, expect, it } from 'vitest';

import type { BulkEvictResult, BulkPinResult } from '../../src/operations/bulk-control.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { pullImage } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall } from './admin-client.ts';

const images = new Images();
const first = images.addImage('library/app', '1', { seed: 'same', layers: [4096] });
// The same layers and config in another repository.
const copy = images.addImage('team/copy', '1', { seed: 'same', layers: [4096] });
const other = images.addImage('team/other', '1', { layers: [8192] });
const hub = sharedHub(images);

async function startFilled(): Promise<Layover> {
  const layover = await Layover.start({ config: cacheConfig(hub(), {}) });
  for (const [name, image] of Object.entries({ 'library/app': first, 'team/copy': copy, 'team/other': other }))
    await pullImage(layover, name, { tag: '1', layers: [image.config, ...image.layers] });
  await layover.settled();
  return layover;
}

const evict = async (layover: Layover, body: object) =>
  (await adminCall<BulkEvictResult>(layover, '/evict', { method: 'POST', body })).body;
const pin = (layover: Layover, body: object) => adminCall<BulkPinResult>(layover, '/pins', { method: 'POST', body });
const sizeOf = async (layover: Layover) => (await layover.visibleBlobs()).reduce((sum, { size }) => sum + size, 0);

describe('POST /evict with names', () => {
  it('previews what is freed and what others share, and then frees as much', async () => {
    await using layover = await startFilled();
    const before = await sizeOf(layover);
    const names = ['docker.io/library/app:1', 'docker.io/team/other:1', 'docker.io/team/none:1'];
    const preview = await evict(layover, { names, dryRun: true });
    expect(await sizeOf(layover)).toBe(before);
    expect(preview).toMatchObject({ dryRun: true, references: 8 });
    expect(preview.sharedBytes).toBeGreaterThan(4096);
    expect(preview.names.map(({ name, held }) => [name, held !== undefined])).toEqual([
      [names[0], false],
      [names[1], false],
      [names[2], true],
    ]);
    const done = await evict(layover, { names });
    expect(done).toMatchObject({ dryRun: false, references: preview.references, bytes: preview.bytes });
    expect(await sizeOf(layover)).toBe(before - preview.bytes);
    await expectNothingBroken(layover);
  });

  it('counts content that only the chosen images share as freed', async () => {
    await using layover = await startFilled();
    const before = await sizeOf(layover);
    const names = ['docker.io/library/app:1', 'docker.io/team/copy:1'];
    const preview = await evict(layover, { names, dryRun: true });
    expect(preview.sharedBytes).toBe(0);
    await evict(layover, { names });
    expect(preview.bytes).toBe(before - (await sizeOf(layover)));
  });

  it('leaves pinned content, and rejects bodies that are none', async () => {
    await using layover = await startFilled();
    expect((await pin(layover, { patterns: ['docker.io/team/**'] })).status).toBe(200);
    const before = await layover.visibleBlobs();
    const names = ['docker.io/team/other:1'];
    const held = { references: 0, bytes: 0, names: [{ held: expect.stringContaining('pinned') as string }] };
    expect(await evict(layover, { names, dryRun: true })).toMatchObject(held);
    expect(await evict(layover, { names })).toMatchObject(held);
    expect(await layover.visibleBlobs()).toEqual(before);
    for (const body of [{ names: [] }, { names: 'x' }, { names, dryRun: 1 }, { names: Array(101).fill('a:1') }])
      expect(await adminCall(layover, '/evict', { method: 'POST', body })).toMatchObject({ status: 400 });
  });
});

describe('POST /pins with patterns', () => {
  it('previews what they match without pinning, and pins all or nothing', async () => {
    await using layover = await startFilled();
    const patterns = ['docker.io/team/*', 'docker.io/library/app:1'];
    const { body } = await pin(layover, { patterns, dryRun: true });
    expect(body).toMatchObject({
      dryRun: true,
      patterns: [
        { pattern: patterns[0], wasPinned: false, manifests: 2 },
        { pattern: patterns[1], wasPinned: false, manifests: 1 },
      ],
    });
    const pins = async () => (await adminCall<{ pins: readonly unknown[] }>(layover, '/pins')).body.pins;
    expect(await pins()).toEqual([]);
    expect((await pin(layover, { patterns: [...patterns, ' '] })).status).toBe(400);
    expect(await pins()).toEqual([]);
    await pin(layover, { patterns });
    expect(await pins()).toHaveLength(2);
    expect((await pin(layover, { patterns })).body.patterns[0]?.wasPinned).toBe(true);
  });
});

it('names and patterns that are too long for an index are refused', async () => {
  await using layover = await startFilled();
  const name = `${'a/'.repeat(3_000)}a`;
  const calls = [
    ['/evict', 'POST', { name }],
    ['/evict', 'POST', { name: `${name}@sha256:${'0'.repeat(64)}` }],
    ['/pins', 'POST', { pattern: name }],
    ['/pins', 'POST', { patterns: [name] }],
    ['/pins', 'DELETE', { pattern: name }],
  ] as const;
  for (const [path, method, body] of calls)
    expect(await adminCall(layover, path, { method, body })).toMatchObject({ status: 400 });
  expect(await adminCall(layover, '/pins')).toMatchObject({ body: { pins: [] } });
});
