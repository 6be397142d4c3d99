import { describe, expect, it } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { cacheCommand } from '../retention/command.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub, startCache } from '../integration/scene.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';

const images = new Images();
const [first, second] = [images.addImage('library/app', '1'), images.addImage('library/app', '2')];
const hub = sharedHub(images);

const pullManifest = (layover: Layover, reference: string) =>
  pull(`${layover.url}/v2/library/app/manifests/${reference}`);

describe('layover budget', () => {
  it('shows what is left, who spent it, and what the cache saved', async () => {
    await using layover = await startCache(hub());
    for (const reference of ['1', '1', second.digest, first.digest]) await pullManifest(layover, reference);
    const shown = await cacheCommand(layover, 'budget');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^UPSTREAM +ACCOUNT +LEFT +LIMIT +WINDOW/);
    expect(shown.stdout).toMatch(/^docker\.io +anonymous +98 +100 +6h .*client 2$/m);
    expect(shown.stdout).toContain('docker.io: top repositories: library/app 2\n');
    expect(shown.stdout).toMatch(/^docker\.io: top clients: 127\.0\.0\.1 2$/m);

    const { stdout } = await cacheCommand(layover, 'budget', '--json', '--upstream', 'docker.io');
    const [{ members, saved }] = (JSON.parse(stdout) as { upstreams: [{ members: unknown[]; saved: unknown }] })
      .upstreams;
    expect(saved).toEqual({ hit: 2, head: 0, stale: 0, mirror: 0, coalesced: 0 });
    expect(members).toMatchObject([{ limit: 100, left: 98, bucket: '127.0.0.1', spent: { client: 2 } }]);
  });

  it('holds and releases scheduled work', async () => {
    await using layover = await startCache(hub());
    const held = await cacheCommand(layover, 'budget', '--hold');
    expect(held.stdout).toContain('work that no client waits for is on hold');
    const released = await cacheCommand(layover, 'budget', '--release');
    expect(released.stdout).not.toContain('on hold');
  });

  it('names the upstreams when there is none of that name, and needs a server', async () => {
    await using layover = await startCache(hub());
    const unknown = await cacheCommand(layover, 'budget', '--upstream', 'ghcr.io');
    expect(unknown).toMatchObject({
      code: 1,
      stderr: 'layover: there is no upstream ghcr.io; configured: docker.io\n',
    });
    await layover.kill('SIGTERM');
    const stopped = await cacheCommand(layover, 'budget');
    expect(stopped).toMatchObject({ code: 1, stderr: 'layover: no server is running; the budget is in its memory\n' });
  });

  it('is refused with a body that is not a hold', async () => {
    await using layover = await startCache(hub());
    const control = new RemoteControl({ url: `unix:${layover.dataDirectory}/layover/admin.sock` });
    await expect(control.holdBudget({ hold: 'yes' as unknown as boolean })).rejects.toMatchObject({
      reason: 'invalid',
    });
  });
});
